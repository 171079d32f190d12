"""Tables that compare this package with its peers."""

from markup import span, table
from measured import BEST, OURS, PEERS, SIDES, WORKS, Measured, rate

ABSENT = "absent"
_VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}


def speed(run: Measured) -> str:
    """The best ratios of each network."""
    columns = [(work, peer) for work in WORKS for peer in PEERS]
    models = dict.fromkeys(model for _, model in run.networks)
    rows = (
        [f"`{model}`"]
        + [_times(run.ratio(work, model, BEST, peer)) for work, peer in columns]
        for model in models
    )
    head = ["network", *(f"{WORKS[work]}: {SIDES[peer]}" for work, peer in columns)]
    return table(head, rows)


def training(run: Measured) -> str:
    """The training speed of every network, each side at its best."""
    return _best(run, "train")


def inference(run: Measured) -> str:
    """The inference speed of every network, each side at its best."""
    return _best(run, "inference")


def precisions(run: Measured) -> str:
    """The speed of every network at equal precision."""
    rows = (
        [WORKS[work], f"`{model}`", precision, *_cells(run, work, model, precision)]
        for work, model in run.networks
        for precision in run.precisions
    )
    return table(["work", "network", "precision", *_head()], rows)


def batches(run: Measured) -> str:
    """Returns the sizes of the batches."""
    return ", ".join(map(str, sorted({loop["batch"] for loop in run.loops})))


def versions_of(run: Measured) -> str:
    """Returns the versions of the libraries."""
    versions = dict(run.record["versions"])
    names = {"tensorflow": "TensorFlow", "keras": "Keras", "torch": "PyTorch"}
    versions["torch"] = run.torch_version
    known = (f"{names[key]} {versions[key]}" for key in names if versions.get(key))
    return ", ".join(known)


def processor(machine: dict) -> str:
    """Returns the cores, the CPU and its vectors, e.g. "2 cores of AMD EPYC (AVX2)"."""
    flags = set(machine.get("flags", ()))
    wide = next((name for key, name in _VECTORS.items() if key in flags), "")
    half = "bfloat16" if flags & {"avx512_bf16", "amx_bf16"} else ""
    sets = ", ".join(filter(None, (wide, half)))
    return f"{machine['cores']} cores of {machine['cpu']}" + (f" ({sets})" * bool(sets))


def _best(run: Measured, work: str) -> str:
    rows = (
        [f"`{model}`", *_cells(run, work, model, BEST)]
        for of, model in run.networks
        if of == work
    )
    return table(["network", *_head()], rows)


def _head() -> list[str]:
    return [SIDES[OURS]] + [cell for peer in PEERS for cell in (SIDES[peer], "speedup")]


def _cells(run: Measured, work: str, model: str, precision: str) -> list[str]:
    """Returns our images a second, then for each peer its images and the ratio."""
    cells = [_rate(run.fastest(work, model, OURS, precision), precision)]
    for peer in PEERS:
        cells += [
            _rate(run.fastest(work, model, peer, precision), precision),
            _times(run.ratio(work, model, precision, peer)),
        ]
    return cells


def _rate(loop: dict | None, precision: str) -> str:
    if loop is None:
        return ABSENT
    setting = [loop["variant"]] if loop["variant"] else []
    if precision == BEST:
        setting.insert(0, loop["precision"])
    return f"{rate(loop):,.0f}" + (f" ({', '.join(setting)})" if setting else "")


def _times(ratio: dict | None) -> str:
    if ratio is None:
        return ABSENT
    return span(ratio["ratio_median"], ratio["ratio_min"], ratio["ratio_max"])
