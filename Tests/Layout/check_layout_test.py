"""What contrib/check-layout finds in sources that are made for it, and what it does not."""
import importlib.machinery
import importlib.util
import pathlib
import unittest

ROOT = pathlib.Path(__file__).parents[2]
loader = importlib.machinery.SourceFileLoader("check_layout", str(ROOT / "contrib/check-layout"))
check_layout = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_layout", loader))
loader.exec_module(check_layout)

Source = check_layout.Source

README = """
## Source map

`Sources/OverlayCore` takes bytes:

| folder  | what is in it |
|---------|---------------|
| `Low`   | words |
| `High`  | `Sentence` |

`Sources/OverlayIO` owns descriptors:

| folder   | what is in it |
|----------|---------------|
| `System` | calls |

## Next

| `Other` | no folder |
"""


def faults(low, high="", order=("Low", "High")):
    """What is wrong with a target of two files."""
    return check_layout.faults([Source("Low", "Low/A.swift", low), Source("High", "High/B.swift", high)], list(order), "Target")


def against(low, high):
    """How many uses of a target of two files are against the order."""
    return sum(" uses " in line for line in faults(low, high))


class Code(unittest.TestCase):
    def words(self, text):
        return " ".join(token.word for token in check_layout.tokens_of(text))

    def test_comments_and_strings_are_blanked(self):
        self.assertEqual(self.words('let a = "High" // High\n/* High /* High */ High */ let b'), "let a = let b")
        self.assertEqual(self.words('"""\nHigh "High" \\"""\nHigh\n""" b'), "b")
        self.assertEqual(self.words('#"High "High" \\(High)"# b'), "b")

    def test_what_is_interpolated_is_kept(self):
        self.assertEqual(self.words('"x \\(a.map { "\\($0) (" }) High" b'), "a . map { $ 0 } b")

    def test_lines_keep_their_numbers(self):
        tokens = check_layout.tokens_of('/*\n*/ a\n"""\n\n\\(b)\n""" c')
        self.assertEqual([(token.word, token.line) for token in tokens], [("a", 2), ("b", 5), ("c", 6)])


class Uses(unittest.TestCase):
    def test_the_order_holds(self):
        self.assertEqual(faults("struct Word {}", "struct Sentence { var words: [Word] }"), [])

    def test_a_type(self):
        self.assertEqual(
            faults("struct Word {\n  var sentence: Sentence\n}", "struct Sentence {}"),
            ["Low/A.swift:2: Low uses Sentence of High (High/B.swift), which comes after it"])

    def test_an_extension_uses_its_type(self):
        self.assertEqual(against("extension Sentence { var size: Int { 0 } }", "struct Sentence {}"), 1)

    def test_a_circle_is_told(self):
        lines = faults("struct Word { var sentence: Sentence }", "struct Sentence { var words: [Word] }")
        self.assertEqual(lines[1:], ["a circle of folders: High, Low"])

    def test_a_circle_of_three(self):
        sources = [
            Source("A", "a", "struct First { var x: Third }"), Source("B", "b", "struct Second { var x: First }"),
            Source("C", "c", "struct Third { var x: Second }"),
        ]
        self.assertEqual(check_layout.faults(sources, ["A", "B", "C"], "T")[1:], ["a circle of folders: A, B, C"])

    def test_a_free_function(self):
        self.assertEqual(against("struct Word { func a() { parse(1) } }", "func parse(_ a: Int) {}"), 1)
        self.assertEqual(faults("struct Word { func a() { parse(1) }; func parse(_ a: Int) {} }", "func parse(_ a: Int) {}"), [])
        self.assertEqual(faults("struct Word { func a() { b.parse(1) } }", "func parse(_ a: Int) {}"), [])

    def test_a_member_that_an_extension_gives_to_a_type_of_elsewhere(self):
        high = "extension Word { func spoken(by a: Int) {}\n var isLong: Bool { true } }"
        self.assertEqual(against("struct Word {}\nfunc f(w: Word) { w.spoken(by: 1) }", high), 1)
        self.assertEqual(against("struct Word {}\nfunc f(w: Word) -> Bool { w.isLong }", high), 1)
        self.assertEqual(against("struct Word { var b: Bool { isLong } }", high), 1)
        # A function of the same name and another label is another one.
        self.assertEqual(faults("struct Word { func spoken(to b: Int) {} }\nfunc f(w: Word) { w.spoken(to: 1) }", high), [])

    def test_a_member_that_others_have_too_is_not_guessed_at(self):
        high = "extension Word { var size: Int { 1 } }"
        self.assertEqual(faults("struct Word {}\nstruct Letter { var size: Int }\nfunc f(l: Letter) -> Int { l.size }", high), [])

    def test_a_member_of_an_extension_beside_its_type_is_told_by_the_type(self):
        high = "struct Sentence {}\nextension Sentence { var length: Int { 1 } }"
        self.assertEqual(faults("struct Word {}\nfunc f(w: Word) -> Int { w.length }", high), [])

    def test_an_initializer(self):
        high = "extension Word { init?(parsing a: Int) { nil } }"
        self.assertEqual(against("struct Word {}\nfunc f() { _ = Word(parsing: 1) }", high), 1)
        self.assertEqual(faults("struct Word { init() {} }\nfunc f() { _ = Word() }", high), [])

    def test_what_is_private_or_nested_or_a_parameter_is_no_other_folders(self):
        self.assertEqual(faults("struct Word { var a: Sentence }", "private struct Sentence {}"), [])
        self.assertEqual(faults("struct Word { struct Part {}\n var a: Part }", "struct Part {}"), [])
        self.assertEqual(faults("struct Word { var a: Word.Part }", "struct Part {}"), [])
        self.assertEqual(faults("func f<Part: Equatable>(_ a: Part) {}", "struct Part {}"), [])
        self.assertEqual(faults("struct Word {}\nfunc f(w: Word) { w.b }", "private extension Word { var b: Int { 1 } }"), [])
        self.assertEqual(against("struct Word {}\nfunc f(w: Word) { w.b }", "extension Word { private(set) var b: Int }"), 1)

    def test_local_declarations_are_no_members(self):
        self.assertEqual(faults("struct Word {}\nfunc f(w: Word) { w.b }", "extension Word { func c() { let b = 1 } }"), [])


class Table(unittest.TestCase):
    def test_the_order_is_the_tables(self):
        self.assertEqual(check_layout.order_in(README, "OverlayCore"), ["Low", "High"])
        self.assertEqual(check_layout.order_in(README, "OverlayIO"), ["System"])
        self.assertEqual(check_layout.order_in(README, "oncilla"), [])

    def test_the_table_holds_every_folder_and_no_other(self):
        self.assertEqual(faults("", "", order=["Low"]), ["README.md: the table for Sources/Target lacks High"])
        self.assertEqual(
            faults("", "", order=["Low", "High", "Top"]),
            ["README.md: the table for Sources/Target has Top, which is not there"])
        self.assertEqual(faults("", "", order=[]), ["README.md: the source map has no table for Sources/Target"])

    def test_this_projects_tables_are_read(self):
        readme = (ROOT / "README.md").read_text()
        for target in ["OverlayCore", "OverlayIO"]:
            there = {path.name for path in (ROOT / "Sources" / target).iterdir() if path.is_dir()}
            self.assertEqual(set(check_layout.order_in(readme, target)), there)


class State(unittest.TestCase):
    MACHINE = "struct Table: ~Copyable {\n  var peers = 1\n  private var uses = 2\n  private(set) var tor = 3\n  var count: Int { 4 }\n}"

    def reached(self, text, home="struct Node {\n  var table: Table\n}"):
        sources = [Source("Low", "Low/Table.swift", self.MACHINE), Source("High", "High/Node.swift", home + text)]
        return list(check_layout.reached_state(sources))

    def test_a_machines_state_is_not_reached_from_another_folder(self):
        for text in ["func f(n: Node) { n.table.peers += 1 }", "extension Node { var a: Int { table.peers } }"]:
            self.assertEqual(len(self.reached(text)), 1, text)
            self.assertIn("table.peers reaches into Table", self.reached(text)[0])

    def test_what_others_may_use(self):
        for text in ["func f(n: Node) { n.table.count }", "func f(n: Node) { n.table.tor }", "let table = peers.count"]:
            self.assertEqual(self.reached(text), [], text)
        self.assertEqual(self.reached("func f(n: Node) { n.table.peers }", home="struct Other {\n  var table: Table\n}"), [])


class Calls(unittest.TestCase):
    SYSTEM = "enum SystemCall { static func read() { Glibc.read(0); oncilla_accept(1); precondition(errno == 1) } }"

    def calls(self, text):
        system = [Source("System", "S.swift", self.SYSTEM)]
        return list(check_layout.libc_calls(system, [Source("Files", "F.swift", text)]))

    def test_a_call_past_the_folder_system(self):
        for text in ["read(0)", "Glibc.write(0)", "oncilla_accept(1)", 'SystemCall.perform("a") { 1 }', "let a = errno"]:
            self.assertEqual(len(self.calls(f"func f() {{ {text} }}")), 1, text)

    def test_what_is_no_call_of_libc(self):
        for text in ["SystemCall.read(0)", "file.read(0)", "let read = 0", "Glibc.AF_INET", "close(0)", "oncilla_trim_memory()"]:
            self.assertEqual(self.calls(f"func f() {{ {text} }}"), [], text)
        self.assertEqual(self.calls("struct S { func read() {}; func f() { read() } }"), [])


if __name__ == "__main__":
    unittest.main()
