"""Records that were measured apart from a run and are kept in its folder: its report shows them as they are.

A report measures what it can from a run's own folder. What takes a judge that the run does not have, such as a
classifier of what its samples show, whoever has one measures, and keeps here.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genjax.errors import InputError
from genjax.evaluate import Record
from genjax.json_config import from_json, read_json
from genjax.store.run_folder import RunFolder, write_json


def keep_records(run: Path, records: Sequence[Record]) -> None:
    """Writes records of the model that is in a run's folder, in place of those that were kept there before.

    Raises:
        InputError: no model there.
    """
    values = {"model": model_identity(run), "records": [record.to_json() for record in records]}
    write_json(RunFolder(run).records, values)


def kept_records(run: Path) -> tuple[list[Record], tuple[str, ...]]:
    """Returns (the records kept with a run, notes); none where the model is another than the one that they are of.

    Raises:
        InputError: the file is damaged, or no model is there.
    """
    path = RunFolder(run).records
    if not path.exists():
        return [], ()
    values = read_json(path)
    found = values.get("records")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{path} holds no list of records. Delete it, and measure again.")
    if values.get("model") != model_identity(run):
        return [], (f"The records in {path.name} are of another model than the one that is here, and are left out.",)
    return [_record(one, where=f"{path}: a record") for one in found], ()


def _record(values: dict[str, Any], *, where: str) -> Record:
    """Reads a record from a file that anyone may have written."""
    interval = values.get("interval")
    record = from_json(Record, values | {"interval": None}, where=where)
    if interval is None:
        return record
    if not isinstance(interval, list) or [type(bound) for bound in interval] != [float, float]:
        raise InputError(f"{where} has the interval {interval}, expected [low, high] or null. Measure again.")
    return dataclasses.replace(record, interval=(interval[0], interval[1]))


def model_identity(run: Path) -> str:
    """Returns the sha256 over the descriptions of a run's stages, which hold those of their networks.

    Raises:
        InputError: there is none.
    """
    described = sorted({RunFolder(run).model() / "model.json", *run.glob("*/model/latest/model.json")})
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in described if path.is_file()]
    if not hashes:
        raise InputError(f"{run} holds no model that records could be of. Train it first.")
    return hashlib.sha256("".join(hashes).encode()).hexdigest()
