"""Weights from PyTorch and back: layouts are told apart, and nothing but arrays is needed."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

import toymodels as tm
from toymodels.interop import run_from, state_dict

PAGE = Path(__file__).parents[1] / "experiments" / "site" / "how_it_works" / "from_pytorch.md"
RNG = np.random.default_rng(0)
W, B = RNG.normal(size=(3, 2, 5)).astype(np.float32), RNG.normal(size=(3, 5)).astype(np.float32)
X = jnp.asarray(RNG.random((5, 7), dtype=np.float32))


class Tensor:
    """What a tensor of torch has."""

    def __init__(self, array: np.ndarray):
        self.array = array

    def detach(self) -> "Tensor":
        return self

    def cpu(self) -> "Tensor":
        return self

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.array.astype(dtype)


@pytest.mark.parametrize(
    "weights",
    [
        {"W": W.swapaxes(1, 2), "b_final": B},  # the released notebook
        {"W": W, "b_final": B},  # ARENA
        {"W": Tensor(W.swapaxes(1, 2)), "b_final": Tensor(B)},
    ],
)
def test_layouts_of_one_matrix_are_told_apart(weights):
    run = run_from(weights)
    np.testing.assert_array_equal(run.W, W)
    np.testing.assert_array_equal(run.b, B)
    np.testing.assert_allclose(run.module(1)(X), np.maximum(W[1].T @ W[1] @ X + B[1][:, None], 0), rtol=1e-5, atol=1e-5)


def test_a_single_model_and_one_without_biases():
    assert run_from({"W": W[0].T, "b_final": B[0]}).W.shape == (1, 2, 5)
    run = run_from({"W": W[0].T})
    assert list(run.params) == ["W"]
    np.testing.assert_array_equal(run.W[0], W[0])


def test_two_layers_keep_their_biases_and_activations():
    layers = {"encoder.weight": W[0], "encoder.bias": B[0, :2], "decoder.weight": W[1].T, "decoder.bias": B[1]}
    run = run_from(layers, hidden_activation=jnp.tanh, output_activation=tm.identity)
    wanted = W[1].T @ np.tanh(W[0] @ X + B[0, :2, None]) + B[1][:, None]
    np.testing.assert_allclose(run.module()(X), wanted, rtol=1e-5, atol=1e-5)
    back = state_dict(run)
    assert {name: value.tolist() for name, value in back.items()} == {k: v.tolist() for k, v in layers.items()}


def test_a_trained_run_goes_out_and_comes_back(tmp_path: Path):
    task, recipe = tm.Task(tm.Independent(5)), tm.Recipe(steps=20, batch_size=64, evaluation_samples=256)
    run = tm.train(tm.Autoencoder(5, 2), task, recipe, restarts=2)
    save_file(state_dict(run, 1), tmp_path / "there.safetensors")
    back = run_from(tmp_path / "there.safetensors")
    np.testing.assert_allclose(back.module()(X), run.module(1)(X), atol=1e-6)
    assert tm.evaluate(back.model, task, back, recipe).loss[0] == pytest.approx(run.loss[1], rel=1e-5)


def test_what_comes_in_can_be_saved_analysed_and_evaluated(tmp_path: Path):
    run = run_from({"W": W, "b": B})
    run.save(tmp_path / "run.safetensors")
    again = tm.Run.load(tmp_path / "run.safetensors")
    assert np.isnan(again.loss).all()
    assert np.isnan(again.final_loss).all()
    assert tm.analysis.geometry.norms(again.W).shape == (3, 5)
    assert "3 restarts, no loss" in repr(again)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"W": np.ones((2, 2))}, "is square: say whether to transpose it"),
        ({"V": np.ones(3)}, "must have W, or encoder.weight and decoder.weight. Got V"),
        ({"W": np.ones((2, 5)), "b": np.zeros(4)}, "do not fit together"),
        ({"encoder.weight": np.ones((2, 5)), "decoder.weight": np.ones((5, 3))}, "encoder has 2 outputs and decoder 3"),
    ],
)
def test_what_cannot_be_told_is_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        run_from(weights)


def test_a_square_matrix_is_what_it_is_said_to_be():
    square = np.arange(4.0).reshape(2, 2)
    np.testing.assert_array_equal(run_from({"W": square}, transpose=True).W[0], square.T)
    np.testing.assert_array_equal(run_from({"W": square}, transpose=False).W[0], square)


def test_a_run_of_another_model_has_no_state_dict():
    run = replace(run_from({"W": W, "b": B}), params={"kernel": np.ones((1, 2))})
    with pytest.raises(ValueError, match=r"must be of an Autoencoder\. It has kernel"):
        state_dict(run)


def test_torch_is_not_imported():
    code = "import sys, toymodels.interop; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"False\n"


class Layer:
    """What `nn.Linear` computes, in numpy."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True):
        self.shapes = {"weight": (outputs, inputs), **({"bias": (outputs,)} if bias else {})}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x @ self.weight.T + getattr(self, "bias", 0)  # type: ignore[attr-defined]


class Module:
    """What `nn.Module` does with layers, in numpy."""

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        layers = {name: layer for name, layer in vars(self).items() if isinstance(layer, Layer)}
        wanted = {f"{name}.{of}": shape for name, layer in layers.items() for of, shape in layer.shapes.items()}
        assert {name: value.shape for name, value in state.items()} == wanted
        for name, value in state.items():
            layer, of = name.split(".")
            setattr(layers[layer], of, value)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.forward(x)  # type: ignore[attr-defined]


def numpy_in_place_of_torch() -> Any:
    nn = SimpleNamespace(Module=Module, Linear=Layer)
    return SimpleNamespace(nn=nn, relu=lambda x: np.maximum(x, 0), from_numpy=lambda array: array)


@pytest.mark.parametrize(
    "find", [numpy_in_place_of_torch, lambda: pytest.importorskip("torch")], ids=["numpy", "torch"]
)
def test_the_module_on_the_page_gives_the_same(find: Any):
    torch, run = find(), run_from({"W": W, "b": B})
    (code,) = re.findall(r"^```text\n(class Model.*?)^```", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    names = {"torch": torch, "tm": tm, "run": run}
    exec(code, names)
    rows = torch.from_numpy(np.ascontiguousarray(np.asarray(X).T))
    prediction = names["model"](rows)
    prediction = prediction.detach().numpy() if hasattr(prediction, "detach") else prediction
    np.testing.assert_allclose(prediction.T, run.module()(X), rtol=1e-5, atol=1e-5)
