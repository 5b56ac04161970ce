// What makes each command that the table names; each is in the file of its first word, or of its group's.
#pragma once

#include "commands/command.h"

namespace anchord::ctl {

Action init_command(Session& session);
Action status_command(Session& session);
Action check_command(Session& session);
Action doctor_command(Session& session);
Action top_command(Session& session);
Action support_bundle_command(Session& session);
Action confirm_command(Session& session);
Action audit_command(Session& session);

Action host_list_command(Session& session);
Action host_add_command(Session& session);
Action host_remove_command(Session& session);
Action host_rename_command(Session& session);

Action cluster_init_command(Session& session);
Action cluster_ticket_command(Session& session);
Action cluster_join_command(Session& session);
Action cluster_leave_command(Session& session);

Action cert_add_command(Session& session);
Action cert_list_command(Session& session);
Action cert_show_command(Session& session);
Action cert_remove_command(Session& session);
Action cert_export_command(Session& session);
Action cert_regenerate_command(Session& session);
Action cert_import_command(Session& session);
Action bundle_export_command(Session& session);
Action bundle_import_command(Session& session);

// The two lists differ in what they say, not in what can be done with them.
struct ListCommands;
extern const ListCommands kItlCommands;
extern const ListCommands kCtlCommands;
Action list_show_command(Session& session, const ListCommands& kind);
Action list_verify_command(Session& session);
Action list_build_command(Session& session, const ListCommands& kind);

Action file_sign_command(Session& session);
Action file_encrypt_command(Session& session);
Action file_decrypt_command(Session& session);
Action file_show_command(Session& session);
Action file_verify_command(Session& session);
Action file_strip_command(Session& session);

Action mode_show_command(Session& session);
Action mode_set_command(Session& session);

Action rollback_prepare_command(Session& session);
Action rollback_cancel_command(Session& session);
Action rollback_status_command(Session& session);

Action backup_create_command(Session& session);
Action backup_verify_command(Session& session);
Action backup_restore_command(Session& session);

Action phone_add_command(Session& session);
Action phone_list_command(Session& session);
Action phone_show_command(Session& session);
Action phone_trace_command(Session& session);
Action phone_remove_command(Session& session);
Action phone_recover_command(Session& session);
Action phone_settle_command(Session& session);

Action ledger_export_command(Session& session);
Action ledger_import_command(Session& session);

Action features_report_command(Session& session);
Action evidence_report_command(Session& session);
Action expiry_report_command(Session& session);
Action itl_report_command(Session& session);

Action tvs_verify_command(Session& session);
Action tvs_query_command(Session& session);

}  // namespace anchord::ctl
