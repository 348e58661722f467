import { expect, test } from "vitest"
import { sshFailure } from "./ssh-failure.ts"

const BEFORE = { reached: true, authenticated: false }
const AT = { destination: "web1", target: "web1 as root", options: {}, how: "exit code 255", way: BEFORE }

test.each([
  [
    "No ED25519 host key is known for web1 and you have requested strict checking.\r\nHost key verification failed.\r\n",
    "HOST_KEY_UNKNOWN",
    "no host key is known for web1",
  ],
  [
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nThe fingerprint for the ED25519 key sent by the remote host is\nSHA256:abc.\nOffending ED25519 key in /home/me/.ssh/known_hosts:3\nHost key for [web1]:22 has changed and you have requested strict checking.\n",
    "HOST_KEY_CHANGED",
    "it showed the key SHA256:abc; known_hosts remembers another (/home/me/.ssh/known_hosts:3)",
  ],
  [
    "@       WARNING: REVOKED HOST KEY DETECTED!               @\nHost key verification failed.\n",
    "HOST_KEY_REVOKED",
    "its host key is marked as revoked in known_hosts",
  ],
  [
    "me@web1: Permission denied (publickey,keyboard-interactive).\n",
    "LOGIN_REFUSED",
    "it lets nobody in with what ssh offered (publickey,keyboard-interactive)",
  ],
  [
    "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\n",
    "LOGIN_REFUSED",
    "too many authentication failures",
  ],
  [
    "ssh: Could not resolve hostname web1: Name or service not known\n",
    "CONNECTION_FAILED",
    "no address is known for web1",
  ],
  ["ssh: connect to host web1 port 22: Connection refused\n", "CONNECTION_FAILED", "web1 port 22: connection refused"],
  ["ssh: connect to host web1 port 22: No route to host\n", "CONNECTION_FAILED", "web1 port 22: no route to host"],
  [
    "ssh: connect to host web1 port 22: Connection timed out\n",
    "CONNECTION_FAILED",
    "web1 port 22 did not answer in time",
  ],
  [
    "channel 0: open failed: connect failed: No route to host\nstdio forwarding failed\nConnection closed by UNKNOWN port 65535\n",
    "CONNECTION_FAILED",
    "the jump host cannot reach it (connect failed: No route to host)",
  ],
  [
    "kex_exchange_identification: Connection closed by remote host\n",
    "CONNECTION_FAILED",
    "it closed the connection before the login",
  ],
  [
    "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa\n",
    "CONNECTION_FAILED",
    "it and ssh have no algorithm in common",
  ],
  [
    "/home/me/.ssh/config: line 3: Bad configuration option: prot\n",
    "CONNECTION_FAILED",
    "ssh does not accept its configuration",
  ],
  ["", "CONNECTION_FAILED", "ssh ended with exit code 255"],
])("ssh's words %j", (said, code, fact) => {
  const error = sshFailure({ ...AT, said })
  expect(error).toMatchObject({ code, fact: `web1 as root: ${fact}` })
  expect(error?.next).not.toBe("")
})

test("the next step repeats what is not in the operator's own ssh_config", () => {
  const options = { config: "/etc/fleet", port: 2222 }
  const said = "No ED25519 host key is known for web1 and you have requested strict checking.\n"
  expect(sshFailure({ ...AT, options, said })?.next).toBe("fettle trust web1 --config /etc/fleet --port 2222")
})

test("what comes after the login is not ssh's to tell, and a missing ssh is", () => {
  expect(
    sshFailure({ ...AT, said: "sudo: a password is required", way: { reached: true, authenticated: true } }),
  ).toBeUndefined()
  expect(sshFailure({ ...AT, said: "", how: "spawn ssh ENOENT" })).toMatchObject({ code: "SSH_MISSING" })
})
