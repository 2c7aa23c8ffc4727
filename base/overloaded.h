// Overloaded makes one visitor of several lambdas, for std::visit: it does not compile until every
// alternative has its answer.
#pragma once

namespace orch {

template <typename... Callables>
struct Overloaded : Callables... {
  using Callables::operator()...;
};

template <typename... Callables>
Overloaded(Callables...) -> Overloaded<Callables...>;

}  // namespace orch
