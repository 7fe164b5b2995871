import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score

from motiongen.metrics.recognition import absent_classes, accuracy, confusion, macro_f1

LABELS = np.array([0, 0, 0, 2, 2, 3])
PREDICTED = np.array([0, 0, 1, 2, 0, 3])


def test_accuracy_divides_by_the_count():
    assert accuracy(LABELS, PREDICTED) == 4 / 6
    assert accuracy(LABELS[:3], PREDICTED[:3]) == 2 / 3


def test_confusion_has_labels_as_rows():
    table = confusion(LABELS, PREDICTED, 5)
    assert table.tolist() == confusion_matrix(LABELS, PREDICTED, labels=range(5)).tolist()
    assert table[0, 1] == 1 and table[1, 0] == 0


def test_macro_f1_is_over_the_classes_in_the_labels():
    by_hand = np.mean([2 * 2 / (3 + 3), 2 * 1 / (2 + 1), 1])
    assert macro_f1(LABELS, PREDICTED) == pytest.approx(by_hand)
    expected = f1_score(LABELS, PREDICTED, labels=[0, 2, 3], average="macro")
    assert macro_f1(LABELS, PREDICTED) == pytest.approx(expected)
    assert absent_classes(LABELS, 5) == [1, 4]


def test_order_and_class_numbers_do_not_matter():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(6, size=80), rng.integers(6, size=80)
    order, renamed = rng.permutation(80), rng.permutation(6)
    for metric in (accuracy, macro_f1):
        value = metric(labels, predicted)
        assert metric(labels[order], predicted[order]) == pytest.approx(value)
        assert metric(renamed[labels], renamed[predicted]) == pytest.approx(value)


def test_one_class():
    ones = np.ones(4, dtype=int)
    assert accuracy(ones, ones) == macro_f1(ones, ones) == 1
    assert macro_f1(ones, np.zeros(4, dtype=int)) == 0


def test_errors():
    with pytest.raises(ValueError, match="predicted: found 5 class numbers for 6 rows"):
        accuracy(LABELS, PREDICTED[:5])
    with pytest.raises(ValueError, match="labels: row 0 has class -1"):
        accuracy(np.array([-1, 0]), np.array([0, 0]))
    with pytest.raises(ValueError, match="class 3 found, but there are 3"):
        confusion(LABELS, PREDICTED, 3)
    with pytest.raises(ValueError, match="labels"):
        accuracy(np.zeros(0, dtype=int), np.zeros(0, dtype=int))
