import { execFileSync } from "node:child_process"
import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** A certificate authority of the test's own, and one certificate of it for a server on loopback. */
export interface Certificates {
  /** As PEM text. */
  readonly ca: string
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/** Writes them into a folder. The server is called `localhost`, 127.0.0.1 and what is given. */
export function makeCertificates(folder: string, names: readonly string[] = []): Certificates {
  const at = (name: string): string => join(folder, name)
  const openssl = (...words: readonly string[]): unknown => execFileSync("openssl", words, { stdio: "pipe" })
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
  openssl("req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.crt"), "-days", "30", "-subj", "/CN=test")
  openssl("req", ...key, "-keyout", at("server.key"), "-out", at("server.csr"), "-subj", "/CN=server")
  const alternatives = ["DNS:localhost", "IP:127.0.0.1", ...names.map((name) => `DNS:${name}`)].join(",")
  writeFileSync(at("extensions"), `subjectAltName=${alternatives}\n`)
  const by = ["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "30"]
  openssl("x509", "-req", "-in", at("server.csr"), ...by, "-extfile", at("extensions"), "-out", at("server.crt"))
  chmodSync(at("server.key"), 0o600)
  return {
    ca: readFileSync(at("ca.crt"), "utf8"),
    caFile: at("ca.crt"),
    certFile: at("server.crt"),
    keyFile: at("server.key"),
  }
}
