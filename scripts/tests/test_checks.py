"""The checks catch what they are there for. Run by make lint: python3 -m unittest discover scripts/tests"""

import pathlib
import shutil
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))

import check_docs  # noqa: E402
import check_layers  # noqa: E402
import check_monitoring  # noqa: E402
import check_size  # noqa: E402


class TreeCase(unittest.TestCase):
    """A small tree with the real layers.txt."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        shutil.copy(SCRIPTS.parent / 'layers.txt', self.root)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(('#pragma once\n' if path.endswith('.h') else '') + text)

    def layers(self):
        rules = check_layers.Rules(self.root / 'layers.txt')
        return check_layers.Checker(self.root, rules).run()

    def assert_refused(self, path, text, *words):
        self.write(path, text)
        problems = self.layers()
        self.assertEqual(len(problems), 1, problems)
        for word in words + (path,):
            self.assertIn(word, problems[0])

    def assert_fine(self, path, text):
        self.write(path, text)
        self.assertEqual(self.layers(), [])


class Layers(TreeCase):
    def test_a_lower_folder_may_not_include_a_higher_one(self):
        self.write('net/a.h', '')
        self.assert_refused('core/a.cc', '#include "net/a.h"\n', 'core may not include net/a.h')

    def test_a_higher_folder_may_include_a_lower_one(self):
        self.write('core/a.h', '')
        self.assert_fine('net/a.cc', '#include "core/a.h"\n')

    def test_net_sees_only_the_frame_of_wire(self):
        self.write('wire/frame.h', '')
        self.write('wire/message.h', '')
        self.assert_fine('net/a.cc', '#include "wire/frame.h"\n')
        self.assert_refused('net/b.cc', '#include "wire/message.h"\n', 'net may not include')

    def test_only_cli_sees_both_daemons(self):
        self.write('agent/a.h', '')
        self.assert_fine('cli/a.cc', '#include "agent/a.h"\n')
        self.assert_refused('master/a.cc', '#include "agent/a.h"\n', 'master may not include')

    def test_includes_name_files_from_the_root(self):
        self.write('core/a.h', '')
        self.assert_refused('core/a.cc', '#include "a.h"\n', 'include from the root')

    def test_outside_headers_stay_in_their_folder(self):
        self.assert_fine('net/a.cc', '#include <uv.h>\n#include <vector>\n')
        self.assert_fine('wire/a.cc', '#include "wire/agent_generated.h"\n')
        self.assert_refused('master/a.cc', '#include <uv.h>\n', 'only in')

    def test_generated_headers_stay_in_wire(self):
        self.assert_refused('master/a.cc', '#include "wire/agent_generated.h"\n', 'only in')

    def test_an_unknown_outside_header_is_refused(self):
        self.assert_refused('net/a.cc', '#include <surprise/all.h>\n', 'needs a line')

    def test_core_does_no_input_or_output(self):
        self.assert_refused('core/a.cc', '#include <fstream>\n', 'only in')
        self.write('core/a.cc', '')
        self.assert_refused('core/b.cc', '#include <unistd.h>\n', 'only in')

    def test_atomics_are_in_few_files(self):
        self.assert_refused('master/a.cc', '#include <atomic>\n', 'only in')

    def test_cycles_are_found_and_spelled_out(self):
        self.write('core/a.h', '#include "core/b.h"\n')
        self.write('core/b.h', '#include "core/c.h"\n')
        self.assert_refused('core/c.h', '#include "core/a.h"\n', 'core/a.h -> core/b.h -> core/c.h')

    def test_a_header_is_included_once(self):
        self.assert_refused('core/a.cc', '#include <vector>\n\n#include <vector>\n', ':3:', 'twice')

    def test_headers_start_with_pragma_once(self):
        (self.root / 'core').mkdir()
        (self.root / 'core/a.h').write_text('int x;\n')
        self.assertEqual(len(self.layers()), 1)

    def test_clock_and_randomness_have_one_file(self):
        for line in ('auto t = std::chrono::steady_clock::now();', 'clock_gettime(CLOCK_REALTIME, &t);',
                     'auto t = time(nullptr);', 'auto t = Clock::now();'):
            self.assert_refused('master/a.cc', line + '\n', 'net/clock.h')
        self.assert_refused('master/a.cc', 'std::random_device device;\n', 'net/random.h')
        self.assert_fine('master/a.cc', 'auto t = reactor.now(); auto u = real_time(now); runtime(0);\n')

    def test_the_simulator_has_no_clock(self):
        self.assert_fine('tests/net/a.cc', 'auto t = std::chrono::steady_clock::now();\n')
        self.assert_refused('tests/sim/a.cc', 'auto t = std::chrono::steady_clock::now();\n', 'clock')

    def test_words_with_a_better_way(self):
        for line, advice in (('uv_async_send(&async);', 'net::wake()'),
                             ('waitpid(-1, &status, 0);', 'one child'),
                             ('uv_spawn(loop, &process, &options);', 'spawner'),
                             ('std::this_thread::sleep_for(1s);', 'wait for the event'),
                             ('std::shared_ptr<State> state;', 'snapshot'),
                             ('using namespace std;', 'name what you use')):
            self.assert_refused('agent/a.cc', line + '\n', advice)
        self.assert_fine('agent/a.cc', 'std::shared_ptr<const State> state; waitpid(pid, &s, 0);\n')

    def test_schemas_do_not_nest(self):
        self.assert_refused('wire/schema/a.fbs', 'x:[ubyte] (nested_flatbuffer: "Y");\n', 'nested')

    def test_comments_and_literals_do_not_count(self):
        self.assert_fine('agent/a.cc', '// uv_spawn costs O(n)\n/* uv_spawn\n#include <uv.h>\n */\n'
                                       'auto s = "uv_spawn(\\"";\nauto r = R"(uv_spawn)"; int i = 1\'000;\n')

    def test_the_line_number_is_right(self):
        self.assert_refused('agent/a.cc', '/* one\ntwo */\n\nuv_spawn();\n', 'agent/a.cc:4:')


class Sizes(TreeCase):
    def problems(self):
        return check_size.check(self.root)[0]

    def test_long_files(self):
        self.write('core/a.cc', '\n' * 800)
        self.write('core/a.h', '\n' * 399)
        self.assertEqual(self.problems(), [])
        self.write('core/b.cc', '\n' * 801)
        self.write('core/b.h', '\n' * 400)
        self.assertEqual(len(self.problems()), 2)

    def test_long_functions(self):
        def function(lines):
            return 'namespace a {\nclass B {\n  int f(int x) const {\n' + '    if (x) { g(); }\n' * lines + \
                '  }\n  int y = 0;\n};\n}\n'
        self.write('core/a.cc', function(68))
        self.assertEqual(self.problems(), [])
        self.write('core/a.cc', function(69))
        self.assertEqual(len(self.problems()), 1)
        self.assertIn('core/a.cc:3: f() has 71 lines', self.problems()[0])

    def test_constructors_and_struct_results(self):
        long_body = ' {\n' + 'g();\n' * 80 + '}\n'
        for head in ('A::A(int x) : x_{x}, y_(1)', 'struct B* f(int x)', 'int f(std::vector<int> v = {})',
                     'TEST(Suite, Name)', 'bool A::operator==(const A& o) const'):
            self.write('core/a.cc', head + long_body)
            self.assertEqual(len(self.problems()), 1, head)

    def test_tables_and_types_are_not_functions(self):
        for head in ('constexpr int kTable[] =', 'struct A', 'enum class E : int', 'extern "C"'):
            self.write('core/a.cc', head + ' {\n' + 'x,\n' * 80 + '};\n')
            self.assertEqual(self.problems(), [], head)


class Documents(TreeCase):
    def problems(self):
        return check_docs.check(self.root)[0]

    def test_links_lead_somewhere(self):
        self.write('docs/README.md', '# Top\n[a](../core/README.md#two-words) [b](#top) [c](https://x.y)\n'
                                     '`[d](nowhere.md)`\n')
        self.write('core/README.md', '## Two words\n')
        self.assertEqual(self.problems(), [])
        self.write('docs/README.md', '[a](../core/README.md#gone)\n\n[b](gone.md)\n')
        self.assertEqual(len(self.problems()), 2)
        self.assertIn('docs/README.md:3:', self.problems()[1])

    def test_every_folder_has_a_readme(self):
        self.write('core/a.cc', '')
        self.assertEqual(len(self.problems()), 1)
        self.assertIn('core/README.md', self.problems()[0])


class Monitoring(TreeCase):
    RULES = 'groups:\n  - rules:\n      - alert: ShoalA\n        expr: rate(shoal_a_total[1m]) > 1\n'
    PAGE = '| `shoal_a_total` | counter |\n| `shoal_b_seconds` | histogram |\n| `ShoalA` | do |\n'

    def problems(self, rules=RULES, page=PAGE, expr='shoal_b_seconds_bucket', test='      - alertname: ShoalA\n'):
        self.write('docs/MONITORING.md', page)
        self.write('docs/monitoring/alerts.yml', rules)
        self.write('docs/monitoring/alerts_test.yml', test)
        self.write('docs/monitoring/dashboard.json',
                   '{"panels": [{"id": 1, "targets": [{"expr": "%s"}]}]}' % expr)
        return list(check_monitoring.problems(self.root))

    def test_what_fits_together_is_fine(self):
        self.assertEqual(self.problems(), [])

    def test_a_metric_that_nobody_lists_is_named(self):
        self.assertIn('shoal_c', self.problems(expr='shoal_c{a=\'b\'}')[0])
        self.assertIn('shoal_a_totl', self.problems(rules=self.RULES.replace('shoal_a_total', 'shoal_a_totl'))[0])

    def test_an_alert_is_listed_and_tested(self):
        self.assertIn('ShoalA', self.problems(page=self.PAGE.replace('ShoalA', 'ShoalB'))[0])
        self.assertIn('does not test', self.problems(test='')[0])


if __name__ == '__main__':
    unittest.main()
