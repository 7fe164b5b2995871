import dataclasses

import pytest

from motiongen import metrics
from motiongen.metrics import METRICS, Metric


def test_every_exported_record_is_found_by_its_name():
    records = [getattr(metrics, name) for name in metrics.__all__]
    assert all(isinstance(record, Metric) for record in records)
    assert list(METRICS.values()) == records
    assert all(METRICS[record.name] is record for record in records)


@pytest.mark.parametrize("record", METRICS.values(), ids=lambda record: record.name)
def test_record_speaks_to_a_reader(record):
    assert record.meaning.endswith(".") and record.meaning[0].isupper()
    assert record.function.__doc__


@pytest.mark.parametrize(
    "change", [{"better": "bigger"}, {"needs": "video"}, {"meaning": ""}, {"source": ""}]
)
def test_record_refuses_what_a_report_could_not_show(change):
    with pytest.raises(Exception, match=next(iter(change))):
        dataclasses.replace(metrics.FID, **change)
