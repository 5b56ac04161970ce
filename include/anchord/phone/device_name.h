// Names of devices: "SEP" and the twelve hexadecimal digits of a MAC address, written in capitals. Phones,
// people and certificates spell them in other ways too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace anchord::phone {

constexpr std::size_t kDeviceName = 15;  // "SEP" and twelve digits

// "SEP001122334455" of any spelling of a device's name or MAC address:
// "sep001122334455", "001122334455", "00:11:22:33:44:55". None of anything else.
std::optional<std::string> device_name(std::string_view text);

// Of the lowest 48 bits of a MAC address; and back, of a name by device_name().
std::string device_name_of(std::uint64_t mac);
std::uint64_t mac_of(std::string_view name);

// A name at the front of a text, as it is spelt there: "sepAAbbCC334455" of "sepAAbbCC334455.cnf.xml". It is
// a view of the text, and empty when there is none.
std::string_view device_at_front(std::string_view text);

// Every device, by device_name(), that a text names in any way, wherever in it: with SEP in front, or by
// an address that is a word of its own ("001122334455.old", "00-11-22-33-44-55", "0011.2233.4455").
// For what must not be missed: twelve digits that mean something else name a device too.
std::vector<std::string> devices_in(std::string_view text);

// The device, by device_name(), that a certificate's common name says, as phones' do:
// "CP-8861-SEP001122334455", "SEP001122334455"; or by its address alone, "001122334455".
// None where it names no device.
std::optional<std::string> device_in_common_name(std::string_view common_name);

// The device, by device_name(), in what a phone calls itself, and the model in front of it, which a phone
// says to the verification service and not to the file service: "SEP001122334455" and "8861" of
// "CP-8861-SEP001122334455". The model is empty where none is said.
std::optional<std::string> device_called(std::string_view called);
std::string_view model_called(std::string_view called);

// What is kept of a device is kept by this: its device_called(), or else what it calls itself.
std::string device_key(std::string_view called);

// A model as its kind calls itself, without what certificates put in front: "8861" of "CP-8861".
std::string_view bare_model(std::string_view model);

}  // namespace anchord::phone
