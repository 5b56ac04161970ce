// What makes a host a member of a cluster of several: the folder `cluster/` in its state directory, which no
// backup holds. `engine.json` says which host this is and where the engine is; `cluster.key` opens the
// private keys that the engine has sealed; `ca.pem`, `client.pem`, `client.key` and `password`, where there
// are such, are for the engine's TLS and its users.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "anchord/base/error.h"
#include "anchord/crypto/secret.h"
#include "anchord/engine/etcd.h"

namespace anchord::store {

constexpr char kClusterFolder[] = "cluster";

// Whoever writes it has the contents of the files; what is empty there is none.
struct Membership {
  std::string host;
  std::string members;  // URLs with commas between them
  std::string user;
  std::string ca;           // PEM
  std::string certificate;  // PEM
  crypto::Secret key;       // PEM
  crypto::Secret password;
  crypto::Secret cluster_key;
};

// Fails where a file is missing, or is none such, with one line and the remedy.
Result<Membership> read_membership(const std::filesystem::path& state);

// Whether there is the folder.
bool has_membership(const std::filesystem::path& state);

// In place of what is there; the folder has mode 0700, and files have 0600.
Status write_membership(const std::filesystem::path& state, const Membership& membership);
void remove_membership(const std::filesystem::path& state);

// Another text when the files have changed.
std::string membership_mark(const std::filesystem::path& state);

// Fails where the certificates do not do.
Result<engine::EtcdSettings> engine_settings(const Membership& membership, engine::ClusterId cluster);

// How engines are opened: by open_etcd(). Tests put an engine in memory in its place, before threads use it.
using OpenEngine = std::function<Result<std::unique_ptr<engine::Engine>>(engine::EtcdSettings)>;
OpenEngine& engine_opener();

}  // namespace anchord::store
