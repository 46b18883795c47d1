from __future__ import annotations

import msgspec
import pytest

from vortex.domain.engines.registry import REGISTRY, EngineSpec
from vortex.domain.signal import EngineId


def test_all_five_are_there_in_order_and_their_weights_sum_to_one() -> None:
    assert [spec.id for spec in REGISTRY] == list(EngineId)
    assert sum(spec.weight for spec in REGISTRY) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("spec", REGISTRY, ids=lambda spec: spec.section)
def test_each_is_built_from_an_empty_section(spec: EngineSpec) -> None:
    engine = spec.build(msgspec.convert({}, spec.params))
    assert engine.id == spec.id
    assert engine.inputs == spec.engine.inputs


@pytest.mark.parametrize("spec", REGISTRY, ids=lambda spec: spec.section)
def test_every_setting_has_a_description_and_refuses_strangers(spec: EngineSpec) -> None:
    for field in msgspec.inspect.type_info(spec.params).fields:  # type: ignore[attr-defined]  # a StructType
        nested = isinstance(field.type, msgspec.inspect.StructType)
        settings = field.type.fields if nested else (field,)
        for setting in settings:
            assert isinstance(setting.type, msgspec.inspect.Metadata) or "description" in repr(setting.type), setting
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"no_such_setting": 1}, spec.params)
