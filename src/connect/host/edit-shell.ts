/**
 * What a brief script needs to change a part of a file: it works on what is there at its turn, so many of them may edit one file in
 * one request.
 *
 * take PATH MODE    makes a folder of our own beside the file, goes there, and puts a private copy `old` with its owner, mode, ACL and
 *                   attributes in it. A file that is missing is an empty one of MODE; with no MODE it is refused. Links are followed
 *                   where they, and the folder they stand in, belong to root or to whoever works: nobody else can have turned them.
 *                   `w` is what stands there so far: the copy, until something is changed.
 * whole             sees to it that `w` has a newline at its end.
 * splice A B FILE   lets `w` have FILE in place of its lines A to B; with B = A - 1 it goes before line A.
 * append FILE       lets `w` end with FILE.
 * shed              removes what stood there before `w`: several edits of one file leave no more than one does.
 * give              puts `w` in place: synced, renamed. Says `STALE` where somebody else has changed the file meanwhile.
 *
 * Paths below the own folder are relative, so whoever owns the folder around it cannot turn them elsewhere.
 */
export const EDIT = `
refuse() { printf '%s\\n' "$1"; exit "\${2:-22}"; }
steady() { o=$(stat -c %u -- "$1" 2>/dev/null); [ "$o" = 0 ] || [ "$o" = "$U" ]; }
aim() {
  f=$1 i=0
  while [ -L "$f" ]; do
    i=$((i + 1)) d=\${f%/*}
    steady "$f" && steady "\${d:-/}/." || refuse "$f is a symbolic link that another user can turn"
    [ $i -le 8 ] || refuse "$1 is a symbolic link that leads to too many others"
    l=$(readlink -n -- "$f"; printf x) l=\${l%x}
    case $l in /*) f=$l;; *) f=$d/$l;; esac
  done
}
take() {
  aim "$1"
  d=\${f%/*} b=\${f##*/} t=.fettle-edit-$$ e=
  d=\${d:-/}
  [ -d "$d" ] || refuse "there is no directory $d" 21
  if [ -e "$f" ]; then e=1; [ -f "$f" ] || refuse "$f is not a file"
  else [ -n "$2" ] || refuse "there is no file $f" 21; fi
  ! theirs "$d" || refuse "$w"
  cd -P -- "$d" || exit 20
  for q in .fettle-edit-*; do [ ! -O "$q" ] || [ -d "/proc/\${q##*-}" ] || rm -rf -- "./$q"; done
  mkdir -m 700 -- "./$t" 2>/dev/null || { rm -rf -- "./$t" && mkdir -m 700 -- "./$t"; } || exit 20
  cd -- "./$t" || exit 20
  trap 'cd -P .. && rm -rf -- "./$t"' EXIT
  if [ -n "$e" ]; then
    cp -a -- "../$b" old || exit 20
    [ -f old ] && [ ! -L old ] || exit 10
    [ "$U" = 0 ] || o=$(stat -c %u:%g:%a -- old "../$b")
    [ "$U" = 0 ] || [ "\${o%%$NL*}" = "\${o##*$NL}" ] || refuse "$f belongs to somebody else, which could not be kept"
  else : >old && chmod -- "$2" old || exit 20; fi
  w=old k=0
}
whole() {
  [ "$w" = old ] && [ -s old ] && [ "$(tail -c 1 old; printf x)" != "\${NL}x" ] || return 0
  { cat old && echo; } >work && w=work || exit 20
}
splice() {
  k=$((k + 1)); { [ "$1" = 1 ] || head -n $(($1 - 1)) "$w"; cat -- "$3"; tail -n +$(($2 + 1)) "$w"; } >"work$k" || exit 20
  w=work$k
}
append() { k=$((k + 1)); cat -- "$w" "$1" >"work$k" && w=work$k || exit 20; }
shed() {
  l=
  for q in work* rest*; do [ "$q" = "$w" ] || [ ! -e "$q" ] || l="$l $q"; done
  [ -z "$l" ] || rm -f -- $l
}
give() {
  [ "$w" != old ] || return 0
  if [ -n "$e" ] || [ -e "../$b" ]; then cmp -s old "../$b" || exit 10; fi
  cat -- "$w" >old && keep old && mv -f -- old "../$b" && keep .. || exit 20
}
`
