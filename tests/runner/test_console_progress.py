"""Progress on its way from the task to the terminal."""

import os

from taskrunner.runner.console import Console, Display, ProgressLine


def progress_line(*, redraws=True):
    return ProgressLine(lambda done, total, text: f"{done:g}/{total:g} {text}", redraws=redraws)


def test_the_newest_note_is_the_one_that_is_shown():
    notes = progress_line()
    notes.note(1, 3, "one")
    notes.note(2, 3, "two")

    assert "2/3 two" == notes.newest()
    assert notes.newest() is None


def test_a_long_text_is_cut_and_nobody_waits_for_a_reader():
    notes = progress_line()
    for number in range(1000):
        notes.note(number, 1000, "ü" * 10_000)

    newest = notes.newest()

    assert newest is not None and newest.endswith("ü" * 256)
    assert len(newest) < 300


def test_a_bar_makes_room_for_output_and_comes_back():
    reading, writing = os.pipe()
    console, notes = Console(writing), progress_line()
    display = Display(notes, console)

    notes.note(1, 2, "half")
    display.show()
    display.hide()
    console.write(b"output\n")
    display.show()
    display.hide()

    shown = os.read(reading, 1000)
    assert b"1/2 half\r\x1b[Koutput\n1/2 half\r\x1b[K" == shown
    console.close()
    for descriptor in (reading, writing):
        os.close(descriptor)
