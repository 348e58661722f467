import { Duplex } from "node:stream"
import { FettleError } from "../../errors.ts"
import { type DialTo, dialFailed } from "../dial.ts"
import type { Carried, Carrier } from "./carrier.ts"
import { HELLO } from "./shell.ts"

/** Longest time that the program on the host tries to connect, in seconds. */
const CONNECT_S = 30
/** Longest text that may stand before the program says how it went: what a login prints. */
const BEFORE_MAX = 65_536
/** Bytes kept of standard error. */
const SAID_MAX = 4_096

const OPEN = "fettle-open"
const REFUSED = "fettle-refused"
const NONE = "fettle-none"

/** Two threads, so that neither direction waits for the other. It ends when the far side closes, and closes it when we are gone. */
const PYTHON = `import os,socket,sys,threading
def say(t):
    os.write(1,(t+"\\n").encode())
k,a,p=sys.argv[1:4]
try:
    if k=="tcp":
        s=socket.create_connection((a,int(p)),${CONNECT_S})
    else:
        s=socket.socket(socket.AF_UNIX); s.settimeout(${CONNECT_S}); s.connect(a)
    s.settimeout(None)
except Exception as e:
    say("${REFUSED} "+str(e).replace("\\n"," ")); sys.exit(1)
say("${OPEN}")
def up():
    try:
        while True:
            b=os.read(0,65536)
            if not b: break
            s.sendall(b)
        s.shutdown(socket.SHUT_WR)
    except Exception:
        pass
threading.Thread(target=up,daemon=True).start()
try:
    while True:
        b=s.recv(65536)
        if not b: break
        while b:
            b=b[os.write(1,b):]
except Exception:
    pass
os._exit(0)
`

const PERL = `use strict; use IO::Socket::INET; use IO::Socket::UNIX; $|=1;
my ($k,$a,$p)=@ARGV; my $c="IO::Socket::INET"; if ($k eq "tcp" && eval { require IO::Socket::IP; 1 }) { $c="IO::Socket::IP" }
my $s = $k eq "tcp" ? $c->new(PeerAddr=>$a,PeerPort=>$p,Proto=>"tcp",Timeout=>${CONNECT_S}) : IO::Socket::UNIX->new(Peer=>$a);
if (!$s) { my $e=$! || $@; $e=~s/\\n/ /g; print "${REFUSED} $e\\n"; exit 1 }
print "${OPEN}\\n"; my $b;
my $u=fork(); if (!$u) { while (sysread(STDIN,$b,65536)) { my $o=0; while ($o<length $b) { my $n=syswrite($s,$b,length($b)-$o,$o); last unless $n; $o+=$n } } shutdown($s,1); exit 0 }
while (sysread($s,$b,65536)) { my $o=0; while ($o<length $b) { my $n=syswrite(STDOUT,$b,length($b)-$o,$o); last unless $n; $o+=$n } }
kill 9,$u; exit 0
`

const RELAY = `echo ${HELLO}
if command -v python3 >/dev/null 2>&1; then exec python3 -c "$1" "$3" "$4" "$5"; fi
if command -v perl >/dev/null 2>&1; then exec perl -e "$2" "$3" "$4" "$5"; fi
echo ${NONE}; exit 1`

/**
 * Connects by a program on the host, as the user that the session there is: where nothing else can. Needs python3 or perl there.
 * @throws FettleError `DIAL_FAILED`, `HOST_TOOLS`, and what the host cannot be reached with
 */
export async function dialThrough(carrier: Carrier, to: DialTo, signal: AbortSignal): Promise<Duplex> {
  const where = "path" in to ? ["unix", to.path, "0"] : ["tcp", to.host, String(to.port)]
  const carried = await carrier.start(["sh", "-c", RELAY, "sh", PYTHON, PERL, ...where], signal)
  let said = ""
  carried.stderr
    .on("error", () => {})
    .on("data", (text: Buffer) => {
      said = (said + String(text)).slice(-SAID_MAX)
    })
  try {
    const word = await statusOf(carried, signal)
    if (word === OPEN) return joined(carried)
    if (word?.startsWith(REFUSED) === true) throw dialFailed(carrier.target, to, word.slice(REFUSED.length))
    if (word === NONE)
      throw new FettleError("HOST_TOOLS", `${carrier.target} has neither python3 nor perl to connect with`, {
        next: "install one of them there",
      })
    const how = await carried.ended
    throw (
      (await carried.failure?.(how, said)) ??
      new FettleError("CONNECTION_FAILED", `${carrier.target} did not say whether it is connected (${how})`, {
        cause: said.trim() || undefined,
      })
    )
  } catch (thrown) {
    carried.kill("SIGKILL")
    throw thrown
  }
}

/** The line after the greeting; undefined where the session ends before. What comes after it stays to be read. */
function statusOf({ stdout, ended }: Carried, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let heard = Buffer.alloc(0)
    const end = (): void => {
      stdout.off("readable", look)
      signal.removeEventListener("abort", abort)
    }
    const abort = (): void => {
      end()
      reject(signal.reason)
    }
    const look = (): void => {
      for (let bytes = stdout.read() as Buffer | null; bytes !== null; bytes = stdout.read() as Buffer | null) {
        heard = Buffer.concat([heard, bytes])
        const status = statusIn(heard)
        if (status === undefined && heard.length <= BEFORE_MAX) continue
        end()
        if (status !== undefined && status.rest.length > 0) stdout.unshift(status.rest)
        resolve(status?.line)
        return
      }
    }
    signal.addEventListener("abort", abort, { once: true })
    stdout.on("error", () => {}).on("readable", look)
    void ended.then(() => {
      end()
      resolve(undefined)
    })
    look()
  })
}

function statusIn(heard: Buffer): { readonly line: string; readonly rest: Buffer } | undefined {
  const hello = heard.indexOf(`${HELLO}\n`)
  const from = hello + HELLO.length + 1
  const at = hello < 0 ? -1 : heard.indexOf("\n", from)
  return at < 0 ? undefined : { line: heard.toString("utf8", from, at), rest: heard.subarray(at + 1) }
}

/** Both pipes of a session as one stream; the session ends with it. */
export function joined(carried: Pick<Carried, "stdin" | "stdout" | "kill">): Duplex {
  return new Joined(carried)
}

/** Not `Duplex.from`: what that does when it is destroyed is an error to whoever has wrapped it. */
class Joined extends Duplex {
  readonly #carried: Pick<Carried, "stdin" | "stdout" | "kill">

  constructor(carried: Pick<Carried, "stdin" | "stdout" | "kill">) {
    super({ allowHalfOpen: true })
    this.#carried = carried
    const { stdin, stdout } = carried
    stdin.on("error", () => {}) // its end tells
    stdout.on("data", (bytes: Buffer) => {
      if (!this.push(bytes)) stdout.pause()
    })
    stdout.once("end", () => this.push(null))
    stdout.once("close", () => this.destroy())
  }

  override _read(): void {
    this.#carried.stdout.resume()
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#carried.stdin.write(bytes, () => done())
  }

  override _final(done: () => void): void {
    this.#carried.stdin.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { stdin, stdout, kill } = this.#carried
    stdin.destroy()
    stdout.destroy()
    kill("SIGTERM")
    done(error)
  }
}
