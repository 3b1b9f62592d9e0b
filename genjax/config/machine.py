"""On what a command computes: device, and how several processes find each other."""

from dataclasses import dataclass
from typing import Literal

from genjax.errors import InputError
from genjax.limits import at_least


@dataclass(frozen=True)
class MachineOptions:
    """The machine of a command. It changes nothing of what is computed, and is not kept with a run."""

    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    """Device to compute on; auto is a TPU or GPU where JAX finds one."""
    distributed: bool = False
    """One of several processes that find each other by themselves: a TPU pod, SLURM, Open MPI or Kubernetes."""
    coordinator: str = ""
    """HOST:PORT of the first of several processes, where they do not find each other by themselves."""
    processes: int = 0
    """Number of processes; goes with --coordinator."""
    process_id: int = -1
    """Number of this process, from 0; goes with --coordinator."""

    def __post_init__(self) -> None:
        """Refuses half of what is needed to find the others."""
        given = {
            "--coordinator": self.coordinator != "",
            "--processes": self.processes != 0,
            "--process-id": self.process_id != -1,
        }
        missing = [name for name, there in given.items() if not there]
        if 0 < len(missing) < len(given):
            raise InputError(
                f"{' and '.join(name for name in given if name not in missing)} given without {' and '.join(missing)}."
                " Give all three, or --distributed alone where processes find each other by themselves."
            )
        if missing:
            return
        if self.distributed:
            raise InputError("--distributed finds what --coordinator says. Use one of them.")
        host, _, port = self.coordinator.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise InputError(f"--coordinator {self.coordinator} is not HOST:PORT, such as 10.0.0.2:8476.")
        at_least("", self, 1, "processes")
        if not 0 <= self.process_id < self.processes:
            raise InputError(
                f"--process-id {self.process_id} of --processes {self.processes}: expected 0 to {self.processes - 1}."
            )
