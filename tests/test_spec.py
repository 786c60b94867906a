"""What a run is: equal content has an equal id, odd content is refused with a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import encoders, quantizers
from engine.errors import FewbitsError
from engine.spec import LAYERED, LEAST_TEMPERATURE, NONLINEAR, ModelSpec, RunSpec, parse_spec, refuse_turning
from engine.store.folders import RUN_ID
from engine.sweep import model_key
from engine.training.checkpoints import checkpoint_key


def test_the_order_of_fields_does_not_change_the_id():
    a = parse_spec({"dataset": "demo", "quantizer": "uniform", "bits": 4})
    b = parse_spec('{"bits": 4, "quantizer": "uniform", "dataset": "demo"}')
    assert a == b
    assert a.run_id == b.run_id


def test_the_canonical_text_gives_the_specification_back():
    spec = parse_spec(
        {"dataset": "demo", "quantizer": "sign", "bits": 1, "options": {"scale": "row"}, "model": {"dim": 32}}
    )
    assert parse_spec(spec.canonical()) == spec


@given(seed=st.integers(0, 2**31 - 1), dim=st.integers(1, 4096), bits=st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_every_id_is_a_safe_folder_name(seed, dim, bits):
    spec = RunSpec(dataset="ml-100k", quantizer="uniform", bits=bits, model=ModelSpec(seed=seed, dim=dim))
    assert RUN_ID.match(spec.run_id)


def test_a_change_of_any_model_field_changes_the_id():
    other = {
        "encoder": "ngcf", "dim": 32, "layers": 2, "loss": "bpr", "seed": 1, "epochs": 7, "batch": 99, "lr": 0.03,
        "schedule": "constant", "temperature": 0.3, "negatives": 7, "l2": 0.1, "pooling": "all", "patience": 9,
        "damping": "none",
    }  # fmt: skip
    assert set(other) == set(ModelSpec.model_fields)
    specs = [RunSpec(dataset="demo", model=ModelSpec(**{name: value})) for name, value in [("dim", 64), *other.items()]]
    for told in (lambda spec: spec.run_id, model_key, lambda spec: checkpoint_key(spec.model, "f")):
        assert len({told(spec) for spec in specs}) == len(specs), "another model never takes its checkpoint"


def test_layers_do_not_distinguish_encoders_that_have_none():
    assert ModelSpec(encoder="mf", layers=3) == ModelSpec(encoder="mf", layers=0)


def test_settings_are_what_was_trained_otherwise_than_usual_for_the_encoder():
    mf = ModelSpec(encoder="mf", dim=32, seed=3)
    assert mf.pooling == "all" and RunSpec(dataset="demo", model=mf).settings() == {}, "it is always so without a graph"
    other = ModelSpec(lr=0.1, pooling="all")
    found = RunSpec(dataset="demo", model=other, split_seed=2).settings()
    assert found == {"lr": 0.1, "pooling": "all", "split_seed": 2}


def test_users_are_served_at_float_and_own_bits_unless_said_otherwise():
    assert parse_spec({"dataset": "demo", "bits": 4}).query_bits == (32, 4)
    assert parse_spec({"dataset": "demo", "bits": 32}).query_bits == (32,)
    assert parse_spec({"dataset": "demo", "bits": 4, "query_bits": [4]}).query_bits == (4,)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"dataset": "../etc"}, "no name"),
        ({"dataset": "demo", "bits": 4, "query_bits": [8]}, "own 4 bits"),
        ({"dataset": "demo", "model": {"dim": 0}}, "model.dim"),
        ({"dataset": "demo", "modell": {}}, "modell"),
        ({"dataset": "demo", "model": {"lr": "fast"}}, "model.lr"),
        ({}, "dataset"),
        ("{", "JSON"),
    ],
)
def test_odd_specifications_are_refused_with_the_field_named(values, words):
    with pytest.raises(FewbitsError, match=words.replace(".", r"\.")):
        parse_spec(values)


def test_a_temperature_is_by_rule_or_one_that_no_exponential_vanishes_at():
    for temperature in (0.0, LEAST_TEMPERATURE, 100.0):
        assert ModelSpec(temperature=temperature).temperature == temperature
    with pytest.raises(FewbitsError) as told:
        parse_spec({"dataset": "demo", "model": {"temperature": 0.0136}})
    allowed = "Input should be 0 (by a rule, from the data's density) or at least 0.014"
    assert str(told.value) == f"model.temperature: {allowed} (got 0.0136)"


@pytest.mark.parametrize(
    ("encoder", "quantizer", "options", "advice"),
    [
        ("ngcf", "l2qgcn", {}, "choose rotate=none, or another encoder"),
        ("ngcf", "hqgnn", {"tune": "graph"}, "choose rotate=none, tune=vectors, or another encoder"),
        ("ngcf", "mgqe", {"tune": "graph"}, "rotate=opq and tune=graph"),
        ("ngcf", "dpq", {}, None),
        ("ngcf", "l2qgcn", {"rotate": "none"}, None),
        ("ngcf", "hashgnn", {"tune": "graph"}, None),
        ("lightgcn", "l2qgcn", {}, None),
    ],
)
def test_a_turn_is_refused_of_a_model_that_is_not_linear_alone(encoder, quantizer, options, advice):
    bits = quantizers.REGISTRY[quantizer].bits[0]
    model = ModelSpec(encoder=encoder)
    spec = quantizers.resolve(RunSpec(dataset="demo", model=model, quantizer=quantizer, bits=bits, options=options))
    if advice is None:
        refuse_turning(spec)
        return
    with pytest.raises(FewbitsError, match=f"{quantizer}.* ngcf is not linear") as told:
        refuse_turning(spec)
    assert advice in str(told.value)


def test_the_encoders_and_quantizers_that_a_turn_depends_on_are_those_of_the_registries():
    assert set(NONLINEAR) == {name for name, encoder in encoders.REGISTRY.items() if not encoder.linear}
    trained = {name: method for name, method in quantizers.REGISTRY.items() if method.trained}
    assert set(LAYERED) == {name for name, method in trained.items() if method.layered}
    offered = {m["name"]: {o["name"]: o["choices"] for o in m["options"]} for m in quantizers.describe()}
    assert {name for name in trained if "vectors" not in offered[name]["tune"]} == set(LAYERED)
