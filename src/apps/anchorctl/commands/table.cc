// The table of commands, in the order in which --help and docs/commands.md show them.
#include "commands/commands.h"
#include "commands/set.h"

namespace anchord::ctl {
namespace {

Command group(std::string name, std::string help) {
  return {.name = std::move(name), .help = std::move(help), .make = {}};
}

// To make a cluster, and to look after it.
std::vector<Command> first_commands() {
  return {
      {"init", "Make a cluster: state directory, keys and certificates", init_command},
      {"status",
       "Show the cluster, its certificates and what the service does; exit code 1 when a person is needed",
       status_command},
      {"check", "Say in one line whether a person is needed; exit code 1 when one is, 2 when it is urgent",
       check_command},
      {"doctor", "Say why a phone does not take its list or its configuration, and what to do next",
       doctor_command},
      {"top", "Show what needs a person and what the service does, again and again", top_command},
      {"support-bundle",
       "Write what helpers want to see into a file, without keys, passwords and configurations",
       support_bundle_command},
      {"confirm", "Let many files that have gone at once go out of service now", confirm_command},
      {"audit", "List who has changed what, newest first", audit_command}};
}

void add_host_commands(std::vector<Command>& table) {
  const std::vector<Command> hosts{
      group("host", "Hosts of the cluster, each with a verification service"),
      {"host list", "List the hosts, their tvs certificates and what their services have said",
       host_list_command},
      {"host add", "Add a host: its tvs key and certificate, and lists that name it", host_add_command},
      {"host remove", "Take a host out of the lists, and delete its tvs key; refused if phones would lock",
       host_remove_command},
      {"host rename", "Give a host another name; its tvs certificate stays", host_rename_command}};
  table.insert(table.end(), hosts.begin(), hosts.end());
}

void add_cluster_commands(std::vector<Command>& table) {
  const std::vector<Command> cluster{
      group("cluster", "Several hosts that share their state by an engine, which is etcd"),
      {"cluster init", "Put this machine's state into an engine, so that other hosts can join",
       cluster_init_command},
      {"cluster ticket", "Write all that another host needs to join", cluster_ticket_command},
      {"cluster join", "Make a state directory of a ticket, and follow what the other hosts change",
       cluster_join_command},
      {"cluster leave", "Make this host a single machine again, with the state that it has",
       cluster_leave_command}};
  table.insert(table.end(), cluster.begin(), cluster.end());
}

// The commands of a trust list.
void add_list_commands(std::vector<Command>& table, const std::string& name, const std::string& help,
                       const ListCommands& kind) {
  table.push_back(group(name, help));
  table.push_back({name + " show", "Show what a trust list holds, without judging it",
                   [&kind](Session& session) { return list_show_command(session, kind); }});
  table.push_back(
      {name + " verify", "Check a trust list's signature and every record in it", list_verify_command});
  table.push_back({name + " build",
                   "Write the cluster's trust list to a file, or with --sast one made from certificate files",
                   [&kind](Session& session) { return list_build_command(session, kind); }});
}

void add_set_commands(std::vector<Command>& table) {
  table.push_back({"set", "Change a setting of the cluster; alone it shows all", show_settings_command});
  for (const Setting& setting : all_settings())
    table.push_back({"set " + setting.name, setting.help + "; without a value it is shown",
                     [&setting](Session& session) { return setting_command(session, setting); }});
}

}  // namespace

std::vector<Command> all_commands() {
  std::vector<Command> table = first_commands();
  add_host_commands(table);
  add_cluster_commands(table);
  const std::vector<Command> certificates{
      group("cert", "Certificates that the verification service answers for"),
      {"cert add", "Add certificates that phones are told to trust", cert_add_command},
      {"cert list", "List the certificates that phones are told to trust", cert_list_command},
      {"cert show", "Show one certificate", cert_show_command},
      {"cert remove", "Remove a certificate: phones will be told that it is invalid", cert_remove_command},
      {"cert export", "Print one of the cluster's own certificates as PEM", cert_export_command},
      {"cert regenerate",
       "Replace one of the cluster's own certificates and keys; refused if phones would lock",
       cert_regenerate_command},
      {"cert import", "Add all certificates of the open tvsd's database, with their roles, or none",
       cert_import_command},
      group("cert bundle", "Exchange with another cluster, so that phones can move there and back"),
      {"cert bundle export", "Write this cluster's certificates, never its keys", bundle_export_command},
      {"cert bundle import", "Make another cluster's certificates known here", bundle_import_command}};

  table.insert(table.end(), certificates.begin(), certificates.end());

  add_list_commands(table, "itl", "The initial trust list", kItlCommands);
  add_list_commands(table, "ctl", "The certificate trust list, which carries the security mode",
                    kCtlCommands);

  const std::vector<Command> files{
      group("file", "Signed provisioning files"),
      {"file sign", "Sign a file for phones", file_sign_command},
      {"file encrypt", "Encrypt a file to one phone, and sign it", file_encrypt_command},
      {"file decrypt", "Give the plain file inside an encrypted one, whoever signed it",
       file_decrypt_command},
      {"file show", "Show a signed file's header, without judging it", file_show_command},
      {"file verify", "Check a signed file's signature", file_verify_command},
      {"file strip", "Give the file inside a signed file, without judging it", file_strip_command},

      group("mode", "The cluster's security mode"),
      {"mode show", "Show the security mode", mode_show_command},
      {"mode set", "Set the security mode; refused if phones would lock", mode_set_command}};
  table.insert(table.end(), files.begin(), files.end());

  add_set_commands(table);

  const std::vector<Command> others{
      group("rollback", "Going back to a release without Security by Default, and forward again"),
      {"rollback prepare", "Serve an empty list and unsigned files, so that no phone locks",
       rollback_prepare_command},
      {"rollback cancel", "Serve the full list and signed files again", rollback_cancel_command},
      {"rollback status", "Who holds the empty list; exit code 0 when it is safe to go on",
       rollback_status_command},

      group("backup", "The whole cluster in one encrypted file"),
      {"backup create", "Write keys, store, provisioning and settings", backup_create_command},
      {"backup verify", "Read and check all of it, and restore nothing", backup_verify_command},
      {"backup restore", "Put what is in it in the state directory's place", backup_restore_command},

      group("phone", "Phones: their certificates, and which lists they were given"),
      {"phone add", "Add phones, or what is known of them", phone_add_command},
      {"phone list", "List the phones, and which lists they were given", phone_list_command},
      {"phone show", "Show one phone", phone_show_command},
      {"phone trace",
       "What the running service has heard of one phone of late: requests, questions, handshakes",
       phone_trace_command},
      {"phone remove", "Remove phones: nothing of them is kept, nor encrypted any more",
       phone_remove_command},
      {"phone recover",
       "Make phones lists of their own that they accept, whatever they may hold, until they are well",
       phone_recover_command},
      {"phone settle", "Say that phones have accepted the lists they were given last, and are where that was",
       phone_settle_command},

      group("ledger", "What phones were given, between the hosts of a cluster"),
      {"ledger export", "Write this host's ledger for the other hosts", ledger_export_command},
      {"ledger import", "Take in another host's ledger; nothing is forgotten", ledger_import_command},

      group("report",
            "Reports: phone models, expiring certificates, lists that phones hold, and by what it is known"),
      {"report features", "Which phone models can do what, and how many of them the cluster has",
       features_report_command},
      {"report evidence", "What a boot must show to release guards, and which phones speak from elsewhere",
       evidence_report_command},
      {"report expiry", "Every certificate by the time that it has left, soonest first",
       expiry_report_command},
      {"report itl", "How many phones hold which list, and who is behind", itl_report_command},

      group("tvs", "Ask a trust verification service as a phone does"),
      {"tvs verify", "Ask whether a certificate is to be trusted", tvs_verify_command},
      {"tvs query", "Ask for the certificate of an issuer and serial number", tvs_query_command}};
  table.insert(table.end(), others.begin(), others.end());
  return table;
}

}  // namespace anchord::ctl
