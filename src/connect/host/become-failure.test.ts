import { expect, test } from "vitest"
import { becomeFailure } from "./become-failure.ts"

const AT = { target: "web1", become: { by: "sudo" as const }, asked: 0, allowed: undefined }

test.each([
  ["sh: 1: exec: sudo: not found\n", "BECOME_REFUSED", "there is no sudo"],
  ["fish: Unknown command: sudo\n", "BECOME_REFUSED", "there is no sudo"],
  ["sudo: Command not found.\n", "BECOME_REFUSED", "there is no sudo"],
  [
    "sudo: sorry, you must have a tty to run sudo\n",
    "BECOME_REFUSED",
    "sudo wants a terminal (requiretty), and a terminal would spoil what is sent",
  ],
  ["sudo: a password is required\n", "BECOME_PASSWORD_MISSING", "sudo asks for a password"],
  [
    "Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt\n",
    "BECOME_PASSWORD_WRONG",
    "sudo does not take the password; it was tried once",
  ],
  ["deploy is not in the sudoers file.\n", "BECOME_REFUSED", "sudoers names no deploy"],
  ["sudo: unknown user app\n", "BECOME_REFUSED", "there is no user app"],
  [
    "Sorry, user deploy is not allowed to execute '/usr/bin/sh -c x' as root on web1.\n",
    "BECOME_REFUSED",
    "sudo does not let a shell run as root",
  ],
  [
    "sudo: PAM account management error: Authentication service cannot retrieve authentication info\n",
    "BECOME_REFUSED",
    "sudo refuses",
  ],
])("sudo's words %j", (said, code, fact) => {
  expect(becomeFailure({ ...AT, said })).toMatchObject({ code, fact: `web1: ${fact}` })
})

test("where sudoers lists commands, they are named, and the line that would do", () => {
  const allowed =
    "Matching Defaults entries for deploy on web1:\n    env_reset\n\nUser deploy may run the following commands on web1:\n    (root) NOPASSWD: /usr/bin/systemctl restart shop\n"
  const error = becomeFailure({ ...AT, said: "sudo: a password is required\n", allowed })
  expect(error).toMatchObject({
    code: "BECOME_REFUSED",
    fact: "web1: sudo does not let a shell run as root; it lets deploy run only (root) NOPASSWD: /usr/bin/systemctl restart shop",
    next: "let sudoers there say: deploy ALL=(root) NOPASSWD: /bin/sh",
  })
})

test.each([
  ["bash: line 1: exec: doas: not found\n", "BECOME_REFUSED"],
  ["doas: Operation not permitted\n", "BECOME_REFUSED"],
  ["doas: doas is not enabled, /etc/doas.conf: No such file or directory\n", "BECOME_REFUSED"],
  ["doas: Authentication required\n", "BECOME_PASSWORD_MISSING"],
])("doas's words %j", (said, code) => {
  expect(becomeFailure({ ...AT, become: { by: "doas", user: "app" }, said })).toMatchObject({ code })
})

test("what neither of them said is not theirs", () => {
  expect(becomeFailure({ ...AT, said: "This account is currently not available.\n" })).toBeUndefined()
})
