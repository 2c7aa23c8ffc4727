"""Debian's libraries as targets: `@system//:NAME`, one per entry of the table below.

Headers below /usr/include need no declaration, so an entry is mostly a link line. It is shared by
default; `--define=link=static` (see --config=static) takes archives where Debian has them, which the
worker uses to need nothing but glibc. The rule is local: it runs again with each new Bazel server, so
after installing a package `bazel shutdown` is enough.
"""

def _library(modules = [], libs = [], static_libs = [], defines = [], deps = [], pthread = False):
    """An entry.

    Args:
      modules: pkg-config modules that name the link line.
      libs: words for the link line where Debian has no .pc file.
      static_libs: words that only a static link needs besides.
      defines: macros that every dependent must see.
      deps: entries that come along.
      pthread: whether to compile and link with -pthread.
    """
    return struct(
        modules = modules,
        libs = libs,
        static_libs = static_libs,
        defines = defines,
        deps = deps,
        pthread = pthread,
    )

LIBRARIES = {
    # Abseil, in the pieces that rooms name.
    "absl_base": _library(["absl_base", "absl_core_headers", "absl_config"]),
    "absl_cleanup": _library(["absl_cleanup"]),
    "absl_containers": _library([
        "absl_flat_hash_map",
        "absl_flat_hash_set",
        "absl_node_hash_map",
        "absl_node_hash_set",
        "absl_btree",
        "absl_inlined_vector",
        "absl_fixed_array",
    ]),
    "absl_debugging": _library(["absl_failure_signal_handler", "absl_symbolize", "absl_stacktrace"]),
    "absl_functional": _library(["absl_any_invocable", "absl_function_ref", "absl_bind_front"]),
    "absl_hash": _library(["absl_hash"]),
    "absl_numeric": _library(["absl_int128", "absl_bits"]),
    "absl_random": _library(["absl_random_random", "absl_random_distributions"]),
    "absl_status": _library(["absl_status", "absl_statusor", "absl_strings", "absl_cord"]),
    "absl_strings": _library(["absl_strings", "absl_str_format", "absl_cord"]),
    "absl_time": _library(["absl_time", "absl_civil_time", "absl_time_zone"]),
    "absl_types": _library(["absl_span", "absl_optional", "absl_variant", "absl_any"]),
    # All of the above.
    "absl": _library(deps = [
        "absl_base",
        "absl_cleanup",
        "absl_containers",
        "absl_debugging",
        "absl_functional",
        "absl_hash",
        "absl_numeric",
        "absl_random",
        "absl_status",
        "absl_strings",
        "absl_time",
        "absl_types",
    ]),
    # RPC and messages.
    "grpc": _library(["grpc++", "absl_statusor", "absl_synchronization"], deps = ["protobuf"]),
    "protobuf": _library(["protobuf"]),
    # Data.
    "archive": _library(["libarchive"], static_libs = ["-lnettle", "-lz", "-lbz2", "-llzma", "-lzstd"]),
    "boost_json": _library(libs = ["-lboost_json", "-lboost_container"]),
    "libpq": _library(["libpq"]),
    "libpqxx": _library(["libpqxx"], deps = ["libpq"]),
    "sqlite3": _library(["sqlite3"]),
    "yaml_cpp": _library(["yaml-cpp"]),
    "zlib": _library(["zlib"]),
    "zstd": _library(["libzstd"]),
    # malloc of the control plane; what it is worth: docs/decisions/0017-jemalloc.md.
    "jemalloc": _library(["jemalloc"]),
    # The network.
    "beast": _library(deps = ["openssl"], pthread = True),  # Asio and Beast, headers only.
    "curl": _library(["libcurl"]),
    "openssl": _library(["libssl", "libcrypto"]),
    # Text.
    "jq": _library(libs = ["-ljq"]),
    "pcre2": _library(["libpcre2-8"], defines = ["PCRE2_CODE_UNIT_WIDTH=8"]),
    "re2": _library(["re2"], pthread = True),
    # The rest.
    "cli11": _library(),
    "prometheus": _library(["prometheus-cpp-pull", "prometheus-cpp-core"]),
    # Header-only, since Debian has no archive of it: name it in one file alone, base/log.cc.
    "spdlog": _library(
        defines = ["FMT_HEADER_ONLY", "SPDLOG_FMT_EXTERNAL"],
        pthread = True,
    ),
    # Tests.
    "benchmark": _library(["benchmark"], pthread = True),
    "gmock": _library(["gmock", "gtest"], pthread = True),
    "gtest": _library(["gtest"], pthread = True),
    "gtest_main": _library(["gtest_main", "gtest"], pthread = True),
}

# Part of glibc, or (libpq) with an archive that cannot be used.
_NEVER_STATIC = ["-lpthread", "-lrt", "-ldl", "-lm", "-lc", "-latomic", "-lpq"]

def _pkg_config(ctx, flag, modules):
    result = ctx.execute(["pkg-config", flag] + modules)
    if result.return_code != 0:
        fail("pkg-config does not know %s; run tools/install_packages, then `bazel shutdown`.\n%s" %
             (", ".join(modules), result.stderr))
    return [word for word in result.stdout.replace("\n", " ").split(" ") if word]

def _keep_last(words):
    """Drops all but the last of equal words: what is named late must stay late on a link line."""
    seen = {}
    kept = []
    for word in reversed(words):
        if word not in seen:
            seen[word] = True
            kept.append(word)
    return reversed(kept)

def _static_line(ctx, libs, archive_dir):
    archives = []
    rest = []
    for lib in libs:
        archive = "lib%s.a" % lib[2:]
        if lib.startswith("-l") and lib not in _NEVER_STATIC and ctx.path(archive_dir + archive).exists:
            archives.append("-l:" + archive)
        else:
            rest.append(lib)
    if not archives:
        return rest
    return (["-static-libgcc", "-Wl,--as-needed", "-Wl,--start-group"] + archives +
            ["-l:libstdc++.a", "-Wl,--end-group"] + rest)

def _entry(ctx, name, library, archive_dir):
    libs = list(library.libs)
    defines = list(library.defines)
    includes = []
    if library.modules:
        libs = _pkg_config(ctx, "--libs", library.modules) + libs
        for word in _pkg_config(ctx, "--cflags", library.modules):
            if word.startswith("-D"):
                defines.append(word[2:])
            elif word.startswith("-I/usr/include/") and not word.endswith("-linux-gnu"):
                # An absolute folder cannot be named in `includes`; a link to it can.
                link = "include_" + word[len("-I/usr/include/"):].replace("/", "_")
                if not ctx.path(link).exists:
                    ctx.symlink(word[2:], link)
                includes.append(link)
    libs = _keep_last(libs)
    if library.pthread:
        libs.append("-pthread")
    static_libs = _keep_last(libs + library.static_libs)
    return """cc_library(
    name = "{name}",
    hdrs = glob([{globs}]),
    includes = {includes},
    defines = {defines},
    linkopts = select({{
        ":static": {static},
        "//conditions:default": {shared},
    }}),
    deps = {deps},
)
""".format(
        name = name,
        globs = ", ".join(["\"%s/**/*.h\"" % include for include in includes]),
        includes = repr(includes),
        defines = repr(defines),
        static = repr(_static_line(ctx, static_libs, archive_dir)),
        shared = repr(libs),
        deps = repr([":" + dep for dep in library.deps]),
    )

def _system_repository_impl(ctx):
    multiarch = ctx.execute(["gcc", "-print-multiarch"])
    if multiarch.return_code != 0:
        fail("gcc does not run; call tools/install_packages first.\n" + multiarch.stderr)
    archive_dir = "/usr/lib/%s/" % multiarch.stdout.strip()
    entries = [_entry(ctx, name, LIBRARIES[name], archive_dir) for name in sorted(LIBRARIES)]
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    ctx.file("BUILD.bazel", "\n".join([
        "package(default_visibility = [\"//visibility:public\"])",
        "config_setting(name = \"static\", values = {\"define\": \"link=static\"})",
    ] + entries))

system_repository = repository_rule(
    implementation = _system_repository_impl,
    local = True,
    environ = ["PKG_CONFIG_PATH"],
    doc = "Writes a cc_library for each of Debian's libraries that Orch uses.",
)
