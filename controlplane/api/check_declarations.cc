// check_declarations DESCRIPTOR_SET STAMP: part of the build. Writes STAMP when every RPC of the
// set declares what it must; else says what is missing and fails.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <fstream>
#include <iostream>

#include "controlplane/api/declarations.h"

int main(int argc, char** argv) {
  namespace pb = ::google::protobuf;
  if (argc != 3) {
    std::cerr << "usage: check_declarations DESCRIPTOR_SET STAMP\n";
    return 2;
  }
  orch::v1::Rest::descriptor();  // The options must be known before the set is read.
  pb::FileDescriptorSet set;
  std::ifstream in(argv[1], std::ios::binary);
  if (!in || !set.ParseFromIstream(&in)) {
    std::cerr << argv[1] << " is no descriptor set\n";
    return 2;
  }
  pb::DescriptorPool pool;
  std::vector<const pb::ServiceDescriptor*> services;
  for (const pb::FileDescriptorProto& file : set.file()) {
    const pb::FileDescriptor* built = pool.BuildFile(file);
    if (built == nullptr) {
      std::cerr << file.name() << " cannot be built\n";
      return 2;
    }
    for (int i = 0; i < built->service_count(); ++i) services.push_back(built->service(i));
  }
  const std::vector<std::string> faults = orch::api::FaultsOf(services);
  for (const std::string& fault : faults) std::cerr << fault << "\n";
  if (!faults.empty()) return 1;
  std::ofstream stamp(argv[2]);
  stamp << "// " << services.size() << " services declare what they must.\n";
  return stamp.good() ? 0 : 2;
}
