#!/bin/sh
# Takes the words of busybox's own adduser and its like, as Alpine has them, and no others; Debian's busybox is built without them.
# Does the work by shadow's tools.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
usage() { echo "BusyBox v1.35.0 multi-call binary. Usage: $0" >&2; exit 1; }
set_of() { # OPTIONS WORDS...: leaves values in o_X, and the number of words in n
  n=0 options=$1; shift
  while getopts "$options" o 2>/dev/null; do
    case $o in \?) usage;; S|D|H) eval "o_$o=1";; *) eval "o_$o=\$OPTARG";; esac
  done
  n=$((OPTIND - 1))
}
case ${0##*/} in
adduser)
  set_of h:g:s:G:u:k:SDH "$@"; shift $n
  if [ $# = 2 ]; then exec usermod -a -G "$2" "$1"; fi
  [ $# = 1 ] && [ -n "${o_D-}" ] || usage
  user=$1; set -- -m
  [ -z "${o_H-}" ] || set -- -M
  [ -z "${o_S-}" ] || set -- "$@" -r
  [ -z "${o_u-}" ] || set -- "$@" -u "$o_u"
  [ -z "${o_G-}" ] || set -- "$@" -g "$o_G"
  [ -z "${o_h-}" ] || set -- "$@" -d "$o_h"
  [ -z "${o_s-}" ] || set -- "$@" -s "$o_s"
  useradd "$@" -c "${o_g-Linux User,,,}" "$user" || exit
  [ -z "${o_G-}" ] || gpasswd -a "$user" "$o_G" >/dev/null;;
addgroup)
  set_of g:S "$@"; shift $n
  if [ $# = 2 ]; then exec usermod -a -G "$2" "$1"; fi
  group=$1; set --
  [ -z "${o_S-}" ] || set -- -r
  [ -z "${o_g-}" ] || set -- "$@" -g "$o_g"
  exec groupadd "$@" "$group";;
deluser)
  home=
  if [ "$1" = --remove-home ]; then home=-r; shift; fi
  [ $# = 1 ] || usage
  exec userdel $home "$1";;
delgroup)
  if [ $# = 2 ]; then exec gpasswd -d "$1" "$2"; fi
  exec groupdel "$1";;
chpasswd) [ "$*" = -e ] || usage; exec chpasswd -e;;
passwd)
  case $1 in -l) exec usermod -L "$2";; -u) exec usermod -U "$2";; *) usage;; esac;;
esac
