"""What scripts/record_baseline compares with what."""

import importlib.machinery
import importlib.util
import json
import pathlib
import sys
import tempfile
import unittest

PATH = pathlib.Path(__file__).resolve().parent.parent / 'record_baseline'


def load():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader('record_baseline', str(PATH))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('record_baseline', loader))
    loader.exec_module(module)
    return module


baseline = load()


def record(when, rate, machine='here', size='small'):
    return {'when': when, 'machine': machine, 'size': size, 'commit': 'c',
            'benches': [{'words': 'launch', 'result': {
                'launches_per_s': rate, 'launch_to_running_us': {'p50': 10.0}, 'offer_latency_us': None}}]}


class RecordBaseline(unittest.TestCase):

    def test_figures_are_found_by_their_path(self):
        result = record('t', 5.0)['benches'][0]['result']
        self.assertEqual(baseline.figure(result, 'launches_per_s'), 5.0)
        self.assertEqual(baseline.figure(result, 'launch_to_running_us.p50'), 10.0)
        self.assertIsNone(baseline.figure(result, 'offer_latency_us.p50'))
        self.assertIsNone(baseline.figure(result, 'no.such'))

    def test_the_latest_of_the_same_machine_and_size(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            self.assertIsNone(baseline.latest(root, 'here', 'small'))
            for i, one in enumerate([record('2026-01-02', 2.0), record('2026-01-01', 1.0),
                                     record('2026-01-03', 3.0, machine='there'),
                                     record('2026-01-04', 4.0, size='full')]):
                (root / f'{i}.json').write_text(json.dumps(one))
            self.assertEqual(baseline.latest(root, 'here', 'small')['when'], '2026-01-02')

    def test_each_figure_stands_beside_the_one_before(self):
        lines = list(baseline.lines(record('b', 6.0), record('a', 3.0)))
        self.assertEqual(len(lines), 2)
        self.assertTrue(lines[0].endswith('2.00'), lines[0])
        alone = list(baseline.lines(record('b', 6.0), None))
        self.assertTrue(alone[0].endswith('-'), alone[0])


if __name__ == '__main__':
    unittest.main()
