/**
 * Files below /etc that no package owns and that nobody wrote by hand: the system and the scripts of its packages make them. They
 * are counted, and neither shown nor drafted.
 */
const GENERATED: readonly RegExp[] = [
  /^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid)-?$/, // accounts have a part of their own
  /^\/etc\/(\.pwd\.lock|\.updated|\.resolv\.conf\..*|machine-id|mtab|adjtime|ld\.so\.cache|hostid|blkid\.tab)$/,
  /^\/etc\/(resolv\.conf|mailcap|debian_version|os-release|alpine-release|redhat-release|system-release)$/,
  /^\/etc\/(rc\.d\/)?(rc[0-6S]|init)\.d\/.*$/,
  /^\/etc\/(alternatives|runlevels|ld\.so\.conf\.d|pki\/ca-trust\/extracted|udev\/hwdb\.bin)(\/.*)?$/,
  /^\/etc\/ssl\/certs\/([0-9a-f]{8}\.\d+|ca-certificates\.crt|java(\/.*)?|[^/]+\.pem)$/,
  /^\/etc\/(ssl\/cert\.pem|ca-certificates\.conf|ca-certificates\/update\.d|rpc|udev\/hwdb\.bin)$/,
  /^\/etc\/ssh\/ssh_host_[a-z0-9]+_key(\.pub)?$/, // each machine has its own
  /^\/etc\/(lvm|selinux|dconf|fonts\/conf\.d|X11|emacs|python3[^/]*|java-[^/]*|perl|vim|terminfo|skel|dpkg\/origins|binfmt\.d)(\/.*)?$/,
  /^\/etc\/(apt\/(trusted\.gpg|sources\.list)~|apt\/apt\.conf\.d\/01autoremove-kernels|kernel\/.*|initramfs-tools\/conf\.d\/.*)$/,
  /^\/etc\/systemd\/system\/.*\.(wants|requires)(\/.*)?$/, // what is enabled is a fact of services
  /^\/etc\/systemd\/system\/(dbus-org\.|display-manager\.service$|sshd\.service$|syslog\.service$|default\.target$|ctrl-alt-del\.target$)/,
  /^\/etc\/systemd\/user\/.*$/,
  /^\/etc\/(rmt|vtrgb|localtime\.dpkg-.*|environment\.dpkg-.*|inputrc\.dpkg-.*|shells|opt)$/,
  /^\/etc\/(apk\/(keys|protected_paths\.d)\/.*|apk\/(arch|commit_hooks\.d.*)|lbu\/.*|modprobe\.d|ucf\.conf\.d)$/,
  /^\/etc\/(\.java|apparmor\.d\/(local|cache[^/]*)|xml|sgml|texmf|runit\/runsvdir\/[^/]+|gss\/mech\.d|mysql\/my\.cnf\.fallback)(\/.*)?$/,
  /^\/etc\/cron\.[a-z]+\/\.placeholder$/,
  /(~|\.(dpkg|ucf)-(old|dist|new|bak|tmp)|\.rpm(new|save)|\.swp|-)$/,
  /\/(\.gitignore|\.etckeeper|\.git(\/.*)?)$/,
]

/** Whether nobody wrote it. */
export function isGenerated(path: string): boolean {
  return GENERATED.some((rule) => rule.test(path))
}
