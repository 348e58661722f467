import { expect, test } from "vitest"
import { textHoldsSecret } from "./looks-secret.ts"

test.each([
  "define('DB_PASSWORD', 'hunter22');",
  "define( 'SECURE_AUTH_SALT', 'put y0ur phrase' );",
  "  <password>hunter22</password>",
  '<server><privateKey type="x">hunter22</privateKey></server>',
  "backup --password hunter22 --all",
  "agent join --token hunter22",
  'command: ["agent", "--token", "hunter22"]',
  "curl -u me:hunter22 https://example.org/",
  "curl -sS --user 'me:hunter22' https://example.org/",
  "*/5 * * * * root mysqldump -uroot -phunter22 shop >/srv/shop.sql",
  "0 3 * * * sshpass -p hunter22 ssh a@b",
  'RequestHeader set Authorization "Basic aHVudGVyMjI="',
  'proxy_set_header Authorization "Basic aHVudGVyMjI=";',
  'curl -H "Authorization: Bearer hunter22" https://example.org/',
  "curl -H 'X-Api-Key: hunter22' https://example.org/",
  "masterauth hunter22",
  'requirepass "hunter22"',
  "bindpw hunter22",
  "rocommunity hunter22 10.0.0.0/8",
  "  stats auth admin:hunter22",
  "  user admin insecure-password hunter22",
  "enable password hunter22",
  "enable secret 5 hunter22",
  " neighbor 10.0.0.1 password hunter22",
  "machine example.org login me password hunter22",
  "smtp_sasl = user:hunter22",
  "curl https://hooks.slack.com/services/T000/B000/XXXX",
  "admin_pw: hunter22",
  "ldap_default_authtok = hunter22",
  'password = "a b c d"',
  "'password' => 'hunter22',",
  "# password = hunter22",
  `${"x".repeat(10_000)} password=hunter22 ${"x".repeat(10_000)}`,
])("%s: holds a secret", (line) => {
  expect(textHoldsSecret(`[a]\n${line}\nend`)).toBe(true)
})

test.each([
  "PasswordAuthentication no",
  "PermitRootLogin prohibit-password",
  "PermitEmptyPasswords no",
  "password required pam_unix.so",
  "password\t[success=1 default=ignore]\tpam_unix.so obscure use_authtok try_first_pass yescrypt",
  "auth required pam_unix.so nullok try_first_pass",
  "key = /etc/ssl/key.pem",
  "ssl_certificate_key /etc/ssl/private/site.key;",
  "ssl_session_tickets off; ssl_dhparam /etc/ssl/dh.pem;",
  "# The password of the user is not checked here",
  "# Set a password for the admin account before you start",
  "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd",
  "smtpd_sasl_path = inet:127.0.0.1:12345",
  "smtpd_sasl_security_options = noanonymous",
  "proxy_set_header Authorization $http_authorization;",
  "proxy_pass_header Authorization;",
  "RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]",
  'add_header Access-Control-Allow-Headers "Authorization, Content-Type";',
  "proxy_pass http://127.0.0.1:8080;",
  "fastcgi_pass 127.0.0.1:9000;",
  "tokens 32",
  "server_tokens off;",
  "auth_basic_user_file /etc/nginx/htpasswd;",
  "auth-user-pass /etc/openvpn/login",
  "17 * * * * root cd / && run-parts --report /etc/cron.hourly",
  "0 3 * * * root mysqldump --defaults-file=/root/my.cnf shop | gzip >/srv/shop.gz",
  "0 4 * * * root mkdir -p /srv/a && curl -fsS https://example.org/ping",
  "5 4 * * * root ssh -p 2222 backup@example.org sync",
  'curl -u "$USER:$PASSWORD" https://example.org/',
  "backup --password-file /etc/backup/password",
  "MACs hmac-sha2-512-etm@openssh.com",
  "PASS_MAX_DAYS 99999",
  "passwd: files systemd",
  "stats enable",
  "stats uri /haproxy?stats",
  "user www-data;",
  "deb [signed-by=/usr/share/keyrings/x.gpg] https://example.org/debian stable main",
  "<param>value</param>",
])("%s: holds none", (line) => {
  expect(textHoldsSecret(line)).toBe(false)
})

test("a hostile text costs time that grows with its length alone", () => {
  const begun = performance.now()
  for (const part of [
    "password ",
    "<password ",
    "--password-",
    "define('",
    "curl -u a",
    "mysql -p",
    "Authorization ",
    "=\t",
    "sasl",
  ])
    textHoldsSecret(part.repeat(65_536 / part.length))
  expect(performance.now() - begun).toBeLessThan(5_000)
})
