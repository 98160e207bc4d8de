import functools

from hypothesis import given
from hypothesis import strategies as st

from ntk_repro.gram.capture import Layer
from ntk_repro.gram.capture.dense import Dense
from ntk_repro.gram.capture.view import View
from ntk_repro.gram.structured import schedule as schedule_file
from ntk_repro.gram.structured.features import plan_for
from ntk_repro.gram.structured.schedule import Blocks, Schedule
from tests.refusals import refused

LAYER = Layer(("dense",), ((1, 1000),), ((1, 24),), 0, None, View.of((1000, 24)), Dense())
PLAN = plan_for((LAYER,), 1, False, 0)
SAMPLE = 4 * PLAN.floats_per_sample

sizes = st.integers(1, 3000)


@given(n=sizes, tile=sizes, batch=sizes, multiple=st.integers(1, 8))
def test_blocks_hold_every_sample_once_and_little_else(n, tile, batch, multiple):
    blocks = Blocks.of(n, tile, batch, multiple)
    covered = [i for block in range(blocks.count) for i in range(n)[blocks.samples(block)]]
    assert covered == list(range(n))
    assert blocks.tile % blocks.batch == blocks.batch % multiple == 0
    if multiple == 1:
        assert blocks.tile <= max(tile + 31, tile + blocks.tile / blocks.batch)
        assert blocks.batch <= max(batch, 1)


def schedules(rows, columns, held):
    return Schedule(Blocks(rows, 1, 1), None if columns is None else Blocks(columns, 1, 1), min(held, rows))


@given(
    rows=st.integers(1, 12),
    columns=st.none() | st.integers(1, 12),
    held=st.integers(1, 12),
    share=st.tuples(st.integers(0, 4), st.integers(1, 5)),
)
def test_every_wanted_tile_is_computed_once_from_its_own_features(rows, columns, held, share):
    schedule = schedules(rows, columns, held)
    order = schedule.order()
    expected = {(i, j) for i in range(rows) for j in range(rows if columns is None else columns)}
    if columns is None:
        expected = {(i, j) for i, j in expected if i <= j}
    assert sorted(order) == sorted(expected)
    wanted = {tile for tile in order if hash(tile) % share[1] == share[0] % share[1]}
    made, computed = [], []

    def block(side, index):
        made.append((side, index))
        return side, index

    sides = "row", "row" if columns is None else "column"
    row_block, column_block = (functools.partial(block, side) for side in sides)
    for i, j, *features in schedule.tiles(row_block, column_block, wanted):
        assert features == list(zip(sides, (i, j), strict=True))
        computed.append((i, j))
    assert [tile for tile in order if tile in wanted] == computed
    if columns is None:
        assert len(made) == schedule.passes(wanted)


def test_features_that_fit_into_memory_are_made_once(monkeypatch):
    monkeypatch.setattr(schedule_file, "available_bytes", lambda: 8 * 4000 * SAMPLE)
    schedule = Schedule.of(PLAN, 4000, None, 4)
    assert schedule.all_held
    assert schedule.passes(set(schedule.order())) == schedule.rows.count
    # Features get half of what may be used.
    tight = Schedule.of(PLAN, 4000, None, 4, memory=2 * 2000 * SAMPLE)
    assert not tight.all_held
    assert (tight.held + 1) * tight.rows.tile * SAMPLE <= 2000 * SAMPLE
    assert tight.passes(set(tight.order())) > tight.rows.count
    assert Schedule.of(PLAN, 4000, None, 4, result=8 * 3000 * SAMPLE).held < schedule.held


def test_a_computation_continues_in_the_blocks_it_began_with(monkeypatch):
    monkeypatch.setattr(schedule_file, "available_bytes", lambda: 8 * 4000 * SAMPLE)
    began = Schedule.of(PLAN, 4000, None, 4)
    like = began.rows
    later = Schedule.of(PLAN, 4000, None, 4, memory=4 * 1000 * SAMPLE, like=like)
    assert later.rows == began.rows
    assert later.held < began.held
    small = int(3.9 * like.tile * SAMPLE)
    refused("begun in blocks of", Schedule.of, PLAN, 4000, None, 4, memory=small, like=like)
    refused("the features of two samples need", Schedule.of, PLAN, 4000, None, 4, memory=SAMPLE)


def test_a_batch_is_shared_out_evenly_among_devices(monkeypatch):
    monkeypatch.setattr(schedule_file.jax, "local_device_count", lambda: 8)
    schedule = Schedule.of(PLAN, 1003, 17, 4)
    assert schedule.columns is not None
    for blocks in (schedule.rows, schedule.columns):
        assert blocks.batch % 8 == blocks.tile % 8 == 0
    assert schedule.rows.count * schedule.columns.count == len(schedule.order())
