"""A small neural network, as an ONNX model that a package of the extra `computehive[benchmark]` carries."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from agent.benchmark.timing import Repetition, timed
from marketplace.errors import AgentError
from marketplace.protocol.canonical import sha256_digest

MODEL = "magika's standard_v3_3"
MODEL_DIGEST = "0xfe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c"
"""Scores compare only for one and the same model."""
MODEL_BYTES = 2_048
"""What the model looks at of a file, one number a byte."""
INFERENCES = 40
_HINT = "`pip install 'computehive[benchmark]'` brings it (packages magika and onnxruntime)."


@contextmanager
def inference(_: Path) -> Iterator[Repetition]:
    """Inferences one by one, on one core. Raises AgentError where the model or its engine is not installed."""
    model = find_model()
    try:
        import onnxruntime
    except ImportError as error:
        raise AgentError("onnxruntime is not installed.", hint=_HINT) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: (np.arange(MODEL_BYTES, dtype=np.int32) % 256).reshape(1, -1)}

    def infer() -> None:
        for _ in range(INFERENCES):
            session.run(None, given)

    yield timed(60 * INFERENCES, infer)


def find_model() -> bytes:
    """The model's bytes. Raises AgentError where they are not installed, or are those of another model."""
    found = importlib.util.find_spec("magika")
    folder = Path(found.origin).parent if found and found.origin else None
    path = folder / "models" / "standard_v3_3" / "model.onnx" if folder else None
    if path is None or not path.is_file():
        raise AgentError(f"{MODEL} (of the package magika) is not installed.", hint=_HINT)
    model = path.read_bytes()
    if sha256_digest(model) != MODEL_DIGEST:
        raise AgentError(f"the installed magika carries another model than {MODEL}.", hint=_HINT)
    return model
