"""What entry points set before jax is imported."""

import os
import warnings

import pytest

from genjax.devices import backend
from genjax.devices.backend import CPU_FLAG, GPU_FLAG


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setattr(os, "environ", {})
    return os.environ


def test_flags_are_set_where_they_were_tried(environment, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.10.2")
    backend.prepare()
    assert environment["XLA_FLAGS"] == f"{CPU_FLAG} {GPU_FLAG}"
    backend.prepare()
    assert environment["XLA_FLAGS"] == f"{CPU_FLAG} {GPU_FLAG}"


@pytest.mark.parametrize("version", ["0.11.2", "0.12.0", "0.12.0.1"])
def test_another_version_gets_the_flags_that_were_tried_around_it(version, environment, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: version)
    backend.prepare()
    assert environment["XLA_FLAGS"] == GPU_FLAG


@pytest.mark.parametrize("version", ["9.9.9", "0.12.1", "0.9.0", "0.10.1"])
def test_an_unknown_version_gets_no_flag(version, environment, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: version)
    backend.prepare()
    assert "XLA_FLAGS" not in environment


def test_a_users_choice_stays(environment, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.10.2")
    chosen = "--xla_gpu_deterministic_ops=false --xla_cpu_experimental_ynn_fusion_type=dot"
    environment["XLA_FLAGS"] = chosen
    environment["TF_CPP_MIN_LOG_LEVEL"] = "0"
    backend.prepare()
    assert environment["XLA_FLAGS"] == chosen
    assert environment["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_what_a_user_has_not_chosen_is_still_told(environment, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.10.2")
    environment["XLA_FLAGS"] = "--xla_gpu_deterministic_ops=false"
    backend.prepare()
    assert environment["XLA_FLAGS"] == f"--xla_gpu_deterministic_ops=false {CPU_FLAG}"


def test_other_flags_are_kept(environment, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.10.2")
    environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    backend.prepare()
    assert environment["XLA_FLAGS"] == f"--xla_force_host_platform_device_count=2 {CPU_FLAG} {GPU_FLAG}"


def test_compiled_steps_are_kept_in_the_users_cache(environment, monkeypatch, tmp_path):
    environment["XDG_CACHE_HOME"] = str(tmp_path)
    backend.prepare()
    assert environment["JAX_COMPILATION_CACHE_DIR"] == str(tmp_path / "genjax" / "compiled")
    environment["JAX_COMPILATION_CACHE_DIR"] = "elsewhere"
    backend.prepare()
    assert environment["JAX_COMPILATION_CACHE_DIR"] == "elsewhere"


def test_a_compiled_step_that_cannot_be_kept_costs_nothing_but_time(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    for name in ("jit_step-1-cache", "jit_step-2-cache", "jit_steps-1-cache"):
        (tmp_path / name).touch()
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        backend.mend_cache()
        full = "OSError: [Errno 28] No space left on device"
        warnings.warn(f"Error writing persistent compilation cache entry for 'jit_step': {full}", stacklevel=1)
        warnings.warn("something else", stacklevel=1)
    assert [str(one.message) for one in shown] == ["something else"]
    assert [path.name for path in tmp_path.iterdir()] == ["jit_steps-1-cache"]


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ("flags : fpu avx512f avx512_bf16", True),
        ("flags : fpu avx2", False),
        ("Features : fp asimd bf16", True),
        ("", True),
    ],
)
def test_whether_a_processor_computes_in_bfloat16(words, there, tmp_path):
    (tmp_path / "cpuinfo").write_text(words)
    assert backend.cpu_has_bfloat16(tmp_path / "cpuinfo") is there
    assert backend.cpu_has_bfloat16(tmp_path / "missing")
