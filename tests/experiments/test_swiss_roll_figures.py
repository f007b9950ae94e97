"""What the figures of the swiss roll say of the schedule."""

from kanpipe.diffusion.schedules import constant_schedule
from kanpipe.experiments.swiss_roll.figures import end_of
from kanpipe.experiments.swiss_roll.published import printed_losses


def test_words_on_the_last_time_are_those_of_the_schedule():
    published, to_noise = constant_schedule(250, 0.025**2), constant_schedule(250, 0.03)
    assert "is 0.85:" in end_of(published) and "is not the noise" in end_of(published)
    assert "0.92\\, x_0 + 0.38" in end_of(published)
    assert "is nearly the noise" in end_of(to_noise) and "0.02\\, x_0 + 1.00" in end_of(to_noise)


def test_printed_losses_are_of_the_published_network_and_diffusion_alone():
    assert printed_losses("kan", 22_080, 250, 0.000625)[1000] == 0.27809
    for other in (("kan", 1_600, 250, 0.000625), ("kan", 22_080, 250, 0.03), ("mine", 22_080, 250, 0.000625)):
        assert printed_losses(*other) == {}
