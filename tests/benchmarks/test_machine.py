from harness.machine import environment
from harness.paths import command


def test_recorded_environment_variables_have_no_paths(monkeypatch):
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/home/me/secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("OMP_TOOL_LIBRARIES", "/home/me/libtool.so")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    monkeypatch.setenv("XLA_FLAGS", "--xla_a=1 --xla_dump_to=/home/me/dump")
    monkeypatch.setenv("LD_PRELOAD", "/home/me/libx.so.4:liby.so")
    found = environment()["machine"]["variables"]
    expected = {
        "OMP_NUM_THREADS": "2",
        "TF_NUM_INTRAOP_THREADS": "1",
        "XLA_FLAGS": "--xla_a=1 --xla_dump_to=dump",
        "LD_PRELOAD": "libx.so.4 liby.so",
    }
    assert expected.items() <= found.items()
    assert not {"TF_CLI_CONFIG_FILE", "OMP_TOOL_LIBRARIES"} & found.keys()


def test_a_command_line_has_no_path_of_this_machine():
    for given in (["--peer_python=/v/python"], ["--peer_python", "/v/python"]):
        words = command("run.py", [*given, "--quick", "--json_output=/tmp/a/r.json"])
        assert words == "run.py --peer_python=PATH --quick --json_output=r.json"
    relative = "--json_output=docs/benchmarks/run.json"
    assert command("run.py", [relative]) == f"run.py {relative}"
