"""Migrations as C++: a function that returns them in order."""

def embedded_migrations(name, srcs, namespace, function, visibility = None):
    """Makes the cc_library `name`, whose header `name`.h declares `function`.

    Args:
      name: the library.
      srcs: files named NNNN_what.sql, in order.
      namespace: where the function stands.
      function: its name; it returns std::vector<orch::store::sql::Migration>.
      visibility: who may use it.
    """
    native.genrule(
        name = name + "_h",
        outs = [name + ".h"],
        cmd = "printf '%s\\n' '#pragma once' '#include <vector>' " +
              "'#include \"controlplane/store/sql/migration.h\"' 'namespace " + namespace + " {' " +
              "'std::vector<::orch::store::sql::Migration> " + function + "();' '}' > $@",
        visibility = ["//visibility:private"],
    )
    native.genrule(
        name = name + "_cc",
        srcs = srcs,
        outs = [name + ".cc"],
        cmd = """{
echo '#include "%s/%s.h"'
echo 'namespace %s { std::vector<::orch::store::sql::Migration> %s() { return {'
for file in $(SRCS); do
  stem=$$(basename $$file .sql)
  echo "{$$((10#$${stem%%%%_*})), \\"$$stem\\", R\\"orch_sql("
  cat $$file
  echo ')orch_sql"},'
done
echo '}; } }'
} > $@""" % (native.package_name(), name, namespace, function),
        visibility = ["//visibility:private"],
    )
    native.cc_library(
        name = name,
        srcs = [name + ".cc"],
        hdrs = [name + ".h"],
        visibility = visibility,
        deps = ["//controlplane/store/sql:migration"],
    )
