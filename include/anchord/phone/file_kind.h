// Files that phones ask for by names which they make up themselves: which kinds there are, who asks for them,
// what they are called, and the endings of what is signed and encrypted. docs/formats.md has them as a table.
// A phone learns every other name (dial rules, soft keys, locales, ring lists, firmware) from its
// configuration.
//
// Names are compared whatever the case of their letters, as phones spell them in any, and are without what
// requests put around them and without folders, except where a function says otherwise. Views are of the name
// that was given.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace anchord::phone {

// --- the kinds

enum class ListKind : std::uint8_t { itl, ctl };
constexpr std::size_t kListKinds = 2;

enum class FileKind : std::uint8_t {
  itl,                    // the cluster's ITL: for phones that find no own_itl
  ctl,                    // the cluster's CTL: for phones that find no own_ctl
  own_itl,                // the ITL of one phone: what every phone asks for first
  own_ctl,                // likewise its CTL
  configuration,          // of one phone: signed, and encrypted to a phone with a certificate
  default_configuration,  // signed; for phones that find no configuration of their own
  other,                  // every other name, for phones whose configuration has it; signed, or by its vendor
};

constexpr char kItlFileName[] = "ITLFile.tlv";
constexpr char kCtlFileName[] = "CTLFile.tlv";

// A name is `before`, the device's name where the kind is of one device, and `after`.
struct FileKindRow {
  FileKind kind;
  std::string_view before;
  bool of_device;
  std::string_view after;
};

// All but FileKind::other, in the order of FileKind.
inline constexpr std::array<FileKindRow, 6> kFileKinds{{
    {FileKind::itl, kItlFileName, false, ""},
    {FileKind::ctl, kCtlFileName, false, ""},
    {FileKind::own_itl, "ITL", true, ".tlv"},
    {FileKind::own_ctl, "CTL", true, ".tlv"},
    {FileKind::configuration, "", true, ".cnf.xml"},
    {FileKind::default_configuration, "XMLDefault.cnf.xml", false, ""},
}};

// --- what is made of a file

// A file F is served as it is and in other forms, by names with these endings.
enum class FileForm : std::uint8_t {
  plain,   // F
  sgn,     // a signature header by the cluster's digest in front of it; so are files that a vendor has signed
  sha512,  // likewise, for phones that ask for SHA-512 by name
  enc_sgn,  // encrypted, and signed
};
inline constexpr std::array<FileForm, 4> kFileForms{FileForm::plain, FileForm::sgn, FileForm::sha512,
                                                    FileForm::enc_sgn};

// Of a configuration that is served one of these is there: of a phone with a certificate the signed one and
// not the plain one, and of a cluster that is rolling back the plain one alone.
inline constexpr std::array<FileForm, 2> kConfigurationForms{FileForm::sgn, FileForm::plain};

std::string_view ending_of(FileForm form);  // ".enc.sgn"; of a plain file ""

// The name of a form of the file.
std::string with_ending(std::string_view plain, FileForm form);

FileForm form_of(std::string_view name);

// Without the ending of its form.
std::string_view plain_name(std::string_view name);

// --- names

// The name in a form; `device` is empty for kinds that are of none, and `kind` is not other.
std::string file_name(FileKind kind, std::string_view device = {}, FileForm form = FileForm::plain);

// The same in `room`, for those who must not allocate. Empty when there is too little.
std::string_view file_name_in(std::span<char> room, FileKind kind, std::string_view device, FileForm form);

// What a name says. "ITLSEP001122334455.tlv" is {own_itl, "SEP001122334455", ""}.
struct FileName {
  FileKind kind = FileKind::other;
  std::string_view device = {};  // as it is spelt there
  std::string_view rest = {};    // what follows the kind's own name, from a dot on: ".sgn", ".bak"
};
FileName parse_file_name(std::string_view name);

// The device in the name of one of its files, be it of no kind: "SEP001122334455" of
// "SEP001122334455.cnf.xml.sgn", "ITLSEP001122334455.tlv" and "SEP001122334455.txt". As it is spelt there;
// empty when no device is named.
std::string_view device_in_file_name(std::string_view name);

// The cluster's own list.
constexpr const char* list_file_name(ListKind kind) {
  return kind == ListKind::itl ? kItlFileName : kCtlFileName;
}

// "ITL", "CTL": what the names of lists begin with.
std::string_view list_prefix(ListKind kind);

struct ListName {
  std::string device = {};  // by device_name(); empty: the cluster's
  ListKind kind = ListKind::itl;
  bool operator==(const ListName&) const = default;
};

// None of what is no list's name.
std::optional<ListName> list_name(std::string_view name);

// Likewise of a list that a phone has for itself.
std::optional<ListName> own_list_name(std::string_view name);

// The name that the phone asks for.
std::string own_list_file(const ListName& name);

// The device, by device_name(), whose configuration a file holds, whatever folder it is in.
std::optional<std::string> configured_device(std::string_view name);

// In whatever folder.
bool is_default_configuration(std::string_view name);

// Whether devices of any kind may ask for it as their configuration, be their names others than those here.
bool is_configuration_name(std::string_view name);

bool is_xml_name(std::string_view name);

}  // namespace anchord::phone
