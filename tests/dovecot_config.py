"""Configuration of the private Dovecot of tests/dovecot.py. Dovecot 2.4 has other names for most settings than 2.3."""

_BOTH = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
auth_mechanisms = plain login xoauth2
ssl = yes
mail_max_userip_connections = 0
mailbox_list_index = no
imap_idle_notify_interval = 2 mins
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
"""
_2_3 = """
auth_failure_delay = 0
disable_plaintext_auth = no
ssl_cert = <{folder}/localhost.pem
ssl_key = <{folder}/localhost.key
mail_location = maildir:~/Maildir
imap_capability = {capability}
mail_plugins = quota
protocol imap {{
  mail_plugins = $mail_plugins imap_quota
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=100M
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%u
}}
"""
_2_4 = """
auth_failure_delay = 0s
auth_allow_cleartext = yes
ssl_server_cert_file = {folder}/localhost.pem
ssl_server_key_file = {folder}/localhost.key
mail_driver = maildir
mail_path = ~/Maildir
mail_plugins = quota
protocol imap {{
  mail_plugins = quota imap_quota
}}
quota "User quota" {{
  driver = count
  storage_size = 100M
}}
oauth2 {{
  {oauth2}
}}
passdb oauth2 {{
  mechanisms_filter = xoauth2
}}
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {user}
    gid = {group}
    home = {folder}/home/%{{user}}
  }}
}}
"""
_OAUTH2 = """tokeninfo_url = http://127.0.0.1:{token_port}/?token=
introspection_mode = auth
username_attribute = email
active_attribute = active
active_value = yes
"""


def files(version: str, capability: str, **values: object) -> dict[str, str]:
    """Return the configuration files by name; `capability` replaces what the server says that it can do."""
    oauth2 = _OAUTH2.format(**values)
    if version.startswith("2.3."):
        text = (_BOTH + _2_3).format(capability=capability, **values)
        return {"dovecot.conf": text, "oauth2.conf": oauth2}
    head = f"dovecot_config_version = {version}\ndovecot_storage_version = {version}\n"
    said = f"imap_capability = {capability}\n" if capability else ""
    return {"dovecot.conf": head + said + (_BOTH + _2_4).format(oauth2=oauth2, **values)}
