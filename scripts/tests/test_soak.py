"""The thinking of scripts/soak: what befalls the cluster, and what is thought of what is seen."""

import io
import pathlib
import sys
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import soak_cluster  # noqa: E402
import soak_judge  # noqa: E402
import soak_plan  # noqa: E402
import soak_report  # noqa: E402
import soak_watch  # noqa: E402

MASTERS, AGENTS = ["master-1", "master-2", "master-3"], ["agent-1", "agent-2"]
SPARED = {"master-3", "agent-2"}


class Plan(unittest.TestCase):

    def test_it_follows_from_the_seed(self):
        self.assertEqual(soak_plan.plan(7, 300), soak_plan.plan(7, 300))
        self.assertNotEqual(soak_plan.plan(7, 300), soak_plan.plan(8, 300))

    def test_a_longer_one_begins_as_a_shorter_one(self):
        short = soak_plan.plan(7, 100)
        self.assertEqual(soak_plan.plan(7, 1000)[:len(short)], short)

    def test_every_kind_comes_before_chance_decides(self):
        faults = soak_plan.plan(1, 1000)
        self.assertEqual({f.kind for f in faults[:len(soak_plan.KINDS)]}, set(soak_plan.KINDS))

    def test_times_and_lengths_are_within_what_was_asked_for(self):
        for seed in range(50):
            faults = soak_plan.plan(seed, 600, every=3)
            self.assertGreater(len(faults), 120)
            self.assertLess(len(faults), 300)
            for fault in faults:
                self.assertTrue(0 < fault.at < 600)
                kind = soak_plan.KINDS[fault.kind]
                self.assertTrue(kind.least - 0.01 <= fault.lasts <= kind.most + 0.01)

    def test_nothing_is_away_for_as_long_as_an_agent_is_waited_for(self):
        self.assertLess(max(kind.most for kind in soak_plan.KINDS.values()), 15)

    def test_only_some_kinds(self):
        faults = soak_plan.plan(3, 200, kinds=["kill-agent"])
        self.assertEqual({f.kind for f in faults}, {"kill-agent"})

    def candidates(self, kind, leader="master-1", busy=()):
        fault = soak_plan.Fault(0, kind, 0.5, 1)
        return soak_plan.candidates(fault, MASTERS, AGENTS, leader, SPARED, busy)

    def test_who_may_be_the_victim(self):
        self.assertEqual(self.candidates("kill-leader"), ["master-1"])
        self.assertEqual(self.candidates("kill-standby"), ["master-2"])  # the third is spared
        self.assertEqual(self.candidates("freeze-standby"), ["master-2", "master-3"])
        self.assertEqual(self.candidates("kill-agent"), ["agent-1"])
        self.assertEqual(self.candidates("drain-agent"), AGENTS)
        self.assertEqual(self.candidates("freeze-etcd"), ["etcd"])
        self.assertEqual(self.candidates("hang-up"), AGENTS + MASTERS)

    def test_nobody_where_nobody_leads_or_another_fault_is(self):
        self.assertEqual(self.candidates("kill-leader", leader=None), [])
        self.assertEqual(self.candidates("kill-standby", leader=None), [])
        self.assertEqual(self.candidates("freeze-leader", busy={"master-1"}), [])
        self.assertEqual(self.candidates("kill-etcd", busy={"etcd"}), [])

    def test_a_spared_leader_is_frozen_for_longer_than_its_lease(self):
        fault = soak_plan.Fault(0, "kill-leader", 0.5, 0.2)
        self.assertEqual(soak_plan.instead(fault, "master-1", SPARED), fault)
        moved = soak_plan.instead(fault, "master-3", SPARED)
        self.assertEqual((moved.kind, moved.lasts), ("freeze-leader", 4.0))
        agent = soak_plan.Fault(0, "kill-agent", 0.5, 0.2)
        self.assertEqual(soak_plan.instead(agent, "master-3", SPARED), agent)

    def test_choice(self):
        self.assertIsNone(soak_plan.choose(0.5, []))
        self.assertEqual([soak_plan.choose(p, ["b", "a"]) for p in (0, 0.49, 0.5, 0.999)],
                         ["a", "a", "b", "b"])


class Flatness(unittest.TestCase):

    def test_the_last_third_against_the_second(self):
        samples = [(t, 10 if t < 30 else 20 if t < 60 else 30) for t in range(0, 91, 2)]
        self.assertEqual(soak_judge.thirds(samples), (20, 30))

    def test_what_comes_and_goes_is_no_leak(self):
        busy = [(t, 10 + (50 if t > 60 and t % 4 else 0)) for t in range(0, 91, 2)]
        self.assertEqual(soak_judge.thirds(busy, min), (10, 10))
        leaks = [(t, 10 + t // 10) for t in range(0, 91, 2)]
        self.assertEqual(soak_judge.thirds(leaks, min), (13, 16))

    def test_too_short_or_too_few_to_tell(self):
        self.assertIsNone(soak_judge.thirds([]))
        self.assertIsNone(soak_judge.thirds([(t, 1) for t in range(0, 40, 2)]))
        self.assertIsNone(soak_judge.thirds([(t, 1) for t in range(0, 90, 10)]))

    def test_a_bound_is_the_larger_of_its_two(self):
        bound = soak_judge.Bound(4, 0.10)
        self.assertTrue(bound.allows(10, 14))
        self.assertFalse(bound.allows(10, 14.1))
        self.assertTrue(bound.allows(100, 110))
        self.assertFalse(bound.allows(100, 110.1))
        self.assertTrue(bound.allows(100, 1))

    def life(self, roles):
        samples = [soak_watch.Sample(100 + 2 * i, float(i), 10, 3, role)
                   for i, role in enumerate(roles)]
        return types.SimpleNamespace(started=100, samples=samples)

    def test_a_master_counts_from_its_first_lead_and_by_its_role(self):
        standby, leader = ["standby"] * 10, ["leader"] * 10
        found = soak_watch.series(self.life(standby + leader + standby), "rss_mib")
        self.assertEqual([v for _, v in found["leader"]], [13, 14, 15, 16, 17, 18, 19])
        self.assertEqual([v for _, v in found["standby"]], [23, 24, 25, 26, 27, 28, 29])

    def test_what_did_not_answer_belongs_to_nobody(self):
        found = soak_watch.series(self.life(["leader"] * 5 + [""] * 5 + ["leader"] * 5), "rss_mib")
        self.assertEqual([v for _, v in found["leader"]], [3, 4, 13, 14])

    def test_others_count_whole(self):
        found = soak_watch.series(self.life([""] * 3), "descriptors")
        self.assertEqual(found, {"": [(0, 10), (2, 10), (4, 10)]})


class Parsing(unittest.TestCase):

    def test_metrics_are_summed_over_labels(self):
        page = ('# HELP a b\n# TYPE a counter\na{core="0"} 1\na{core="1"} 2.5\nb 1e3\n'
                'c{x="} 9"} 4\nbroken\n')
        self.assertEqual(soak_judge.parse_metrics(page), {"a": 3.5, "b": 1000, "c": 4})
        self.assertEqual(soak_judge.parse_metrics(""), {})

    def test_status_of_a_process(self):
        self.assertEqual(soak_judge.parse_status("Name:\tshoal\nVmRSS:\t  2048 kB\nThreads:\t7\n"), (2, 7))

    def test_this_process_can_be_read(self):
        rss, descriptors, threads = soak_watch.read_process("self")
        self.assertTrue(rss > 1 and descriptors > 2 and threads >= 1)
        self.assertIsNone(soak_watch.read_process(2**30))

    def test_lines_of_logs(self):
        self.assertEqual(soak_judge.read_log_line('{"level":"error","message":"x"}'), ("error", "x"))
        for text in ("shoal: hm\n", "[1]", '{"a":1}'):
            self.assertEqual(soak_judge.read_log_line(text), ("text", text))

    def test_a_free_port_is_below_those_of_connections(self):
        lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        self.assertTrue(10000 <= soak_cluster.free_port() < max(lowest, 20000))


class Leaders(unittest.TestCase):

    def test_an_epoch_has_one_holder(self):
        epochs = soak_judge.Epochs()
        for name, pid, epoch in (("a", 1, 5), ("a", 1, 5), ("b", 2, 9), ("a", 1, 5)):
            epochs.saw(name, pid, epoch)
        self.assertEqual(epochs.wrong, [])
        epochs.saw("b", 2, 5)
        self.assertEqual(epochs.wrong, ["epoch 5 was led by a and by b"])

    def test_another_life_is_another_holder(self):
        epochs = soak_judge.Epochs()
        epochs.saw("a", 1, 5)
        epochs.saw("a", 2, 5)
        self.assertEqual(len(epochs.wrong), 1)


def outcome(code, marks, **more):
    return soak_judge.Outcome(code, more.pop("expected", 7), more.pop("said", ""), marks, **more)


class Runs(unittest.TestCase):

    def assert_verdict(self, verdict, *words, **more):
        found, why = soak_judge.judge_run(outcome(*words, **more))
        self.assertEqual(found, verdict, why)
        return why

    def test_the_true_end(self):
        self.assert_verdict("true", 7, "start t /a\nend t\n")
        self.assert_verdict("true", 7, "start t.0 /a\nstart t.1 /b\nend t.1\nend t.0\n", instances=2)

    def test_another_end_is_wrong(self):
        why = self.assert_verdict("wrong", 1, "start t /a\nend t\n")
        self.assertEqual(why, "ended with 1, its true end is 7")

    def test_an_end_that_was_invented_is_wrong(self):
        self.assert_verdict("wrong", 7, "start t /a\n")
        self.assert_verdict("wrong", 7, "start t.0 /a\nend t.0\n", instances=2)

    def test_twice_under_one_id_is_wrong(self):
        why = self.assert_verdict("wrong", 7, "start t /a\nend t\nstart t /a\nend t\n", agent_ended=True)
        self.assertEqual(why, "t was started 2 times")

    def test_begun_again_under_another_id_while_an_agent_ended(self):
        marks = "start t /a\nstart t.r1 /b\nend t.r1\n"
        self.assert_verdict("again", 7, marks, agent_ended=True)
        self.assert_verdict("wrong", 7, marks)

    def test_to_its_end_under_two_ids_is_wrong(self):
        marks = "start t /a\nend t\nstart t.r1 /b\nend t.r1\n"
        why = self.assert_verdict("wrong", 7, marks, agent_ended=True)
        self.assertIn("ran to its end 2 times: t, t.r1", why)

    def test_instances_are_not_attempts(self):
        self.assertEqual(soak_judge.base_of("real-3-0a.1.r2"), "real-3-0a.1")
        self.assertEqual(soak_judge.base_of("real-3-0a.1"), "real-3-0a.1")
        self.assertEqual(soak_judge.base_of("a.rx"), "a.rx")

    def test_a_drain_ends_it_if_there_was_one(self):
        said = "shoal: t: an operator drains its agent\n"
        self.assert_verdict("drained", 143, "start t /a\n", said=said, may_be_drained=True)
        self.assert_verdict("wrong", 143, "start t /a\n", said=said)
        self.assert_verdict("wrong", 143, "start t /a\n", may_be_drained=True)

    def test_nobody_led_when_it_was_begun(self):
        self.assert_verdict("not begun", 4, "")
        self.assert_verdict("wrong", 4, "start t /a\n")


class Events(unittest.TestCase):

    def feed(self, *states):
        history = soak_judge.TaskHistory()
        for state in states:
            history.feed('{"type":"task","framework":"f","task":"t","state":"TASK_%s"}' % state)
        return history

    def test_what_has_ended_stays_so(self):
        self.assertEqual(self.feed("STAGING", "RUNNING", "FINISHED", "FINISHED").wrong, [])
        self.assertEqual(self.feed("RUNNING", "UNREACHABLE", "RUNNING", "FAILED").wrong, [])
        self.assertEqual(len(self.feed("FINISHED", "RUNNING").wrong), 1)
        self.assertEqual(len(self.feed("GONE", "FINISHED").wrong), 1)

    def test_other_events_and_broken_lines(self):
        history = self.feed("RUNNING")
        for line in ('{"type":"restarted"}', '{"type":"lost","count":3}', '{"type":"agent"}', '{"ty'):
            history.feed(line)
        self.assertEqual((history.restarts, history.lost, history.count), (1, 1, {"TASK_RUNNING": 1}))


class Report(unittest.TestCase):

    def test_a_table(self):
        self.assertEqual(soak_report.table(["a", "b"], [["long", 1], ["x", 22]]),
                         "a      b\nlong   1\nx     22")

    def test_plain_lines_without_escapes_off_a_terminal(self):
        out = io.StringIO()
        progress = soak_report.Progress(out)
        progress.say("one")
        progress.show("two")
        progress.show("too soon")
        progress.clear()
        self.assertEqual(out.getvalue(), "one\ntwo\n")


if __name__ == "__main__":
    unittest.main()
