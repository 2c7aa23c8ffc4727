// Arguments reads a command line made of nouns and verbs, and runs the verb that was named.
//
// Each verb registers where its options go and what to do; nothing is global. What is wrong with a
// command line is said on stderr with the nearest right word, and the exit code is 2.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/output/console.h"

namespace orch::cli {

enum class Need { kOptional, kRequired };

// Verb is one word of the command line with what may follow it. Targets must outlive the parse.
class Verb {
 public:
  explicit Verb(void* app) : app_(app) {}

  // A word that may follow this one.
  Verb Add(std::string_view name, std::string_view help);
  Verb& Alias(std::string_view name);
  // Shown below the options, as it is.
  Verb& Footer(std::string_view text);

  // `names` as "-o,--output".
  Verb& Flag(std::string_view names, bool* target, std::string_view help);
  // `value` names what is expected, as HOST:PORT.
  Verb& Option(std::string_view names, std::string* target, std::string_view value,
               std::string_view help);
  Verb& RequiredOption(std::string_view names, std::string* target, std::string_view value,
                       std::string_view help);
  Verb& Option(std::string_view names, int* target, std::string_view value, std::string_view help);
  // May be repeated; takes one value each time.
  Verb& Options(std::string_view names, std::vector<std::string>* target, std::string_view value,
                std::string_view help);
  // One of `words`.
  Verb& Choice(std::string_view names, std::string* target, std::vector<std::string> words,
               std::string_view help);
  Verb& Positional(std::string_view name, std::string* target, std::string_view help, Need need);
  Verb& Positionals(std::string_view name, std::vector<std::string>* target, std::string_view help,
                    Need need);
  // Everything that follows goes to `target`, options included.
  Verb& Rest(std::vector<std::string>* target);

  // What the verb does; returns the exit code.
  Verb& Run(std::function<int()> action);

 private:
  void* app_;  // A word of the library that reads the line; arguments.cc alone knows it.
};

class Arguments {
 public:
  Arguments(std::string_view program, std::string_view help);
  ~Arguments();

  Verb root();

  // Reads the line, without the program's own name, runs what it names and returns the exit code.
  int Run(const std::vector<std::string>& line, Console& console);

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace orch::cli
