"""What entry points set before jax is imported."""

import os

import pytest

from genjax import backend


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setattr(os, "environ", {})
    return os.environ


def test_the_flag_is_set_where_it_was_tried(environment, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.10.2")
    backend.prepare()
    assert environment["XLA_FLAGS"] == backend.CPU_FLAG


def test_an_unknown_version_gets_no_flag(environment, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "9.9.9")
    backend.prepare()
    assert "XLA_FLAGS" not in environment


def test_a_users_choice_stays(environment, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.10.2")
    environment["XLA_FLAGS"] = "--xla_cpu_experimental_ynn_fusion_type=dot"
    environment["TF_CPP_MIN_LOG_LEVEL"] = "0"
    backend.prepare()
    assert environment["XLA_FLAGS"] == "--xla_cpu_experimental_ynn_fusion_type=dot"
    assert environment["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_other_flags_are_kept(environment, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.10.2")
    environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    backend.prepare()
    assert environment["XLA_FLAGS"] == f"--xla_force_host_platform_device_count=2 {backend.CPU_FLAG}"


def test_compiled_steps_are_kept_in_the_users_cache(environment, monkeypatch, tmp_path):
    environment["XDG_CACHE_HOME"] = str(tmp_path)
    backend.prepare()
    assert environment["JAX_COMPILATION_CACHE_DIR"] == str(tmp_path / "genjax" / "compiled")
    environment["JAX_COMPILATION_CACHE_DIR"] = "elsewhere"
    backend.prepare()
    assert environment["JAX_COMPILATION_CACHE_DIR"] == "elsewhere"
