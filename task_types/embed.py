"""Writes a C++ file that holds the given schema files as texts."""

import os
import sys

# A literal may not be longer than this everywhere.
PART = 8000


def main():
    output, files = sys.argv[1], sorted(sys.argv[2:], key=os.path.basename)
    entries = []
    for path in files:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        parts = [text[i : i + PART] for i in range(0, len(text), PART)]
        literal = "\n".join('R"orch~(%s)orch~"' % part for part in parts)
        entries.append('      {"%s",\n       %s},\n' % (os.path.basename(path), literal))
    with open(output, "w", encoding="utf-8") as file:
        file.write('#include "task_types/task_types.h"\n\nnamespace orch::task_types {\n\n')
        file.write("const std::vector<EmbeddedSchema>& EmbeddedSchemas() {\n")
        file.write("  static const auto* const schemas = new std::vector<EmbeddedSchema>{\n")
        file.write("".join(entries))
        file.write("  };\n  return *schemas;\n}\n\n}  // namespace orch::task_types\n")


main()
