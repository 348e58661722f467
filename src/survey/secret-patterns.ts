/** A way in which a secret stands in a line: group 1 is its value. `where`: words that a line must hold, too. */
interface SecretPattern {
  readonly text: RegExp
  readonly where?: RegExp
}

/** A word that names a secret. */
const NAME =
  "(?:pass(?:w(?:or)?d|phrase|wd)?|pwd|(?:root|bind|admin|user)pw|(?<![a-z0-9])pw|secret|token|authtok|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|secret[_-]?key|encryption[_-]?key|credentials?|psk|preshared[_-]?key)"

/**
 * Each may match many times in a line. What repeats is bounded, and no two neighbours match the same, so that a hostile line costs
 * no more than its length.
 */
export const SECRET_PATTERNS: readonly SecretPattern[] = [
  // password = hunter2, "api_key": "x", 'token' => 'x', admin_pw: x
  { text: new RegExp(`${NAME}\\d?["']?\\s{0,20}(?:[=:]>?|=>)\\s{0,20}["']?([^\\s"';,]{3,200})`, "gi") },
  { text: new RegExp(`${NAME}\\d?["']?\\s{0,20}(?:[=:]>?|=>)\\s{0,20}["']([^"']{3,200})["']`, "gi") },
  // define('DB_PASSWORD', 'x')
  {
    text: /\bdefine\s{0,5}\(\s{0,5}["']\w{0,40}(?:PASS\w{0,10}|KEY|SALT|SECRET|TOKEN)["']\s{0,5},\s{0,5}["']([^"']{3,200})/gi,
  },
  { text: new RegExp(`${NAME}["']\\s{0,5},\\s{0,5}["']([^"']{3,200})["']`, "gi") },
  // <password>x</password>
  {
    text: new RegExp(
      `<[\\w:.-]{0,40}${NAME}[\\w.-]{0,20}(?:\\s[^<>]{0,200})?>\\s{0,20}([^<>\\s][^<>]{2,200})<\\/`,
      "gi",
    ),
  },
  // --password x, "--token", "x"
  {
    text: new RegExp(
      `(?:^|[\\s"'\\[(])--?[\\w.-]{0,40}${NAME}[\\w.-]{0,20}(?:["'],?)?\\s{1,20}["']?([^\\s"']{3,200})`,
      "gi",
    ),
  },
  // -H "Authorization: Bearer x", Authorization "Basic x"
  {
    text: /\bAuthorization["']?[\s:=,]{0,10}["']?(?:Basic|Bearer|Token|Digest|ApiKey)\s{1,5}["']?([^\s"';]{3,1000})/gi,
  },
  { text: /\bAuthorization["']?:\s{0,5}["']?([\w.~+/=-]{16,1000})(?=$|[\s"';])/gi },
  { text: /\bX-[\w-]{0,30}(?:Key|Token|Secret)["']?[\s:=]{1,10}["']?([^\s"';]{3,1000})/gi },
  // curl -u me:x, mysqldump -px, sshpass -p x, redis-cli -a x, ldapsearch -w x
  {
    where: /\b(?:curl|wget)\b/,
    text: /\s(?:-u|--user|-U|--proxy-user)[\s=]{0,5}["']?[^\s:"'=/]{1,100}:([^\s"'/][^\s"']{0,200})/g,
  },
  { where: /\b(?:http|https|xh) /, text: /\s(?:-a|--auth)[\s=]{0,5}["']?[^\s:"'=/]{1,100}:([^\s"'/][^\s"']{0,200})/g },
  { where: /\b(?:mysql|mariadb|mydumper|xtrabackup|innobackupex|mongo|sshpass)/, text: /\s-p["']?([^\s"']{2,200})/g },
  { where: /\b(?:sshpass|mongo)/, text: /\s-p\s{1,5}["']?([^\s"']{2,200})/g },
  { where: /\bredis-cli\b/, text: /\s-a\s{1,5}["']?([^\s"']{2,200})/g },
  { where: /\bldap(?:search|modify|add|delete|passwd|whoami|compare)\b/, text: /\s-w\s{0,5}["']?([^\s"']{2,200})/g },
  { where: /\b(?:ipmitool|mosquitto_(?:pub|sub))\b/, text: /\s-P\s{1,5}["']?([^\s"']{2,200})/g },
  {
    where: /\b(?:smbclient|rpcclient|net|cifs)\b/,
    text: /\s(?:-U|--user)[\s=]{0,5}["']?[^\s%"']{1,100}%([^\s"']{2,200})/g,
  },
  // masterauth x, bindpw x, rocommunity x 10.0.0.0/8, stats auth admin:x
  {
    text: /^\s{0,40}[#;/]{0,5}\s{0,40}["']?(?:masterauth|requirepass|auth_pass|bindpw|rootbindpw|rootpw|rocommunity6?|rwcommunity6?|trapcommunity|enable[ \t]{1,5}(?:password|secret)(?:[ \t]{1,5}\d)?|snmp-server[ \t]{1,5}community)[ \t]{1,40}["']?([^\s"';]{2,200})/gi,
  },
  { text: /\bstats[ \t]{1,20}auth[ \t]{1,20}["']?[^\s:"']{1,100}:([^\s"']{1,200})/gi },
  { text: /\binsecure-password[ \t]{1,20}["']?([^\s"']{1,200})/gi },
  {
    text: /\b(?:neighbor|username|user|login)[ \t]{1,20}[^\s]{1,100}[ \t]{1,20}(?:password|secret)[ \t]{1,20}(?:\d[ \t]{1,20})?["']?([^\s"';]{3,200})/gi,
  },
  {
    text: /\b(?:authentication-key|message-digest-key[ \t]{1,5}\d{1,3}[ \t]{1,5}md5|key-string)[ \t]{1,20}(?:\d[ \t]{1,20})?["']?([^\s"';]{3,200})/gi,
  },
  // smtp_sasl = user:x
  {
    text: /\b\w{0,30}sasl\w{0,30}[ \t]{0,20}=[ \t]{0,20}(?!(?:inet|unix|texthash|hash|lmdb|btree|cdb|mysql|pgsql|ldap|proxy|regexp|pcre):)[^\s:=]{1,100}:([^\s]{2,200})/gi,
  },
]

/** A word that names a secret and begins its line, and nothing but its value: where only a space parts them, the rest is prose. */
export const SECRET_DIRECTIVE = new RegExp(
  `^\\s{0,40}[#;/]{0,5}\\s{0,40}[\\w.-]{0,40}(?<!(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached)_)${NAME}\\d?["']?\\s{1,40}["']?([^\\s"';,]{3,200})["';,\\s]{0,40}$`,
  "i",
)
