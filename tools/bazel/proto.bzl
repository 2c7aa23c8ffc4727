"""C++, gRPC and descriptor sets from the files below //proto, with Debian's protoc."""

_ROOT = "proto"  # Imports are written from here: import "orch/v1/worker.proto".

def _sources(dep):
    """The label of a dependency's sources, which stand beside its library."""
    if ":" in dep:
        return dep + "_srcs"
    return "%s:%s_srcs" % (dep, dep.split("/")[-1])

def orch_proto_library(name, srcs, deps = [], grpc = False, visibility = None):
    """Builds `srcs` into one C++ library.

    Makes `name`, the cc_library; include its headers as "orch/v1/worker.pb.h" and
    "orch/v1/worker.grpc.pb.h". Makes `name_descriptor`, one file: the FileDescriptorSet of `srcs` and
    all that they import, comments included. Makes `name_srcs`, the sources with those of `deps`.

    Args:
      name: the library.
      srcs: .proto files of this package, which lies in or below //proto.
      deps: other orch_proto_library targets whose files are imported.
      grpc: whether the files declare services.
      visibility: who may use what is made.
    """
    package = native.package_name()
    if package != _ROOT and not package.startswith(_ROOT + "/"):
        fail("orch_proto_library works below //%s, not in //%s" % (_ROOT, package))
    protoc = "protoc -I %s -I /usr/include" % _ROOT

    native.filegroup(
        name = name + "_srcs",
        srcs = srcs + [_sources(dep) for dep in deps],
        visibility = visibility,
    )

    headers = []
    bodies = []
    for src in srcs:
        if not src.endswith(".proto"):
            fail("%s is no .proto file" % src)
        stem = src[:-len(".proto")]
        kinds = [".pb", ".grpc.pb"] if grpc else [".pb"]
        outs_h = [stem + kind + ".h" for kind in kinds]
        outs_cc = [stem + kind + ".cc" for kind in kinds]
        command = protoc + " --cpp_out=$(GENDIR)/" + _ROOT
        if grpc:
            command += " --plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin"
            command += " --grpc_out=$(GENDIR)/" + _ROOT
        native.genrule(
            name = "%s_%s_cc" % (name, stem.replace("/", "_")),
            srcs = [src, ":" + name + "_srcs"],
            outs = outs_h + outs_cc,
            cmd = command + " $(location %s)" % src,
            message = "Generating C++ for",
            visibility = ["//visibility:private"],
        )
        headers += outs_h
        bodies += outs_cc

    native.genrule(
        name = name + "_descriptor",
        srcs = srcs + [":" + name + "_srcs"],
        outs = [name + "_descriptor.binpb"],
        cmd = protoc + " --include_imports --include_source_info --descriptor_set_out=$@ " +
              " ".join(["$(location %s)" % src for src in srcs]),
        message = "Describing",
        visibility = visibility,
    )

    native.cc_library(
        name = name,
        srcs = bodies,
        hdrs = headers,
        copts = ["-w"],
        strip_include_prefix = "/" + _ROOT,
        visibility = visibility,
        deps = deps + ["@system//:protobuf"] + (["@system//:grpc"] if grpc else []),
    )
