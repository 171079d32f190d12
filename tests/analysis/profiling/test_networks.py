import tensorflow as tf

from resnet_tf.analysis.profiling.networks import inference, training
from resnet_tf.models import build_model


def test_training_repeats_one_batch(tiny):
    work, model, _ = training(tiny(train_batch_size=4))
    before = model.get_weights()
    work.run(2)
    assert work.amount == 4
    after = model.get_weights()
    assert any((one != other).any() for one, other in zip(before, after, strict=True))


def test_training_uses_the_given_batches(tiny):
    seen = []

    def batches():
        while True:
            seen.append(len(seen))
            yield tf.zeros((4, 32, 32, 3)), tf.zeros((4,), tf.int32)

    images = tf.TensorSpec((4, 32, 32, 3)), tf.TensorSpec((4,), tf.int32)
    data = tf.data.Dataset.from_generator(batches, output_signature=images)
    work, *_ = training(tiny(train_batch_size=4), data)
    work.run(3)
    assert len(seen) >= 3


def test_inference_does_not_change_the_network():
    model = build_model("resnet20")
    before = model.get_weights()
    work = inference(model, 3)
    work.run(2)
    assert work.amount == 3
    for one, other in zip(before, model.get_weights(), strict=True):
        assert (one == other).all()
