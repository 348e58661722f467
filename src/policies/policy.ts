import { type CallContext, inContext, type Surroundings, surroundingsHere } from "./context.ts"
import { checkFunction } from "./given.ts"
import { badSetting } from "./policy-errors.ts"
import { wrongPolicies } from "./policy-list.ts"
import { follow } from "./signals.ts"

/** One call to be made: it is given the signal that ends it. */
export type Call<R> = (signal: AbortSignal) => Promise<R>

/** The settings of a policy as plain data: shown in a plan, compared, printed. */
export type PolicySettings = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

/**
 * A way to carry out a call: again, in time, in turn, on the record, or not at all.
 *
 * A plain object: `JSON.stringify` gives its name and settings. Your own needs only these three.
 *
 * @example
 * const counted: Policy = {
 *   name: "counted",
 *   settings: {},
 *   wrap: (call) => async (signal) => {
 *     count += 1
 *     return call(signal)
 *   },
 * }
 */
export interface Policy {
  readonly name: string
  readonly settings: PolicySettings
  /** Gives the call as this policy carries it out; what it keeps between calls (a bucket) lives in the policy. */
  wrap<R>(call: Call<R>, context: CallContext): Call<R>
}

/** How a guarded call is named and what surrounds it; what is left out is inherited from the guarded call around it. */
export interface CallOptions extends Surroundings {
  /** Shown in errors and logs; default: the name of the function. */
  readonly name?: string | undefined
  /** Aborted: a call in flight may end, but it is not tried again and waits for no turn. Not inherited. */
  readonly stopping?: AbortSignal | undefined
}

/**
 * Makes one call under policies, the first outermost: `[retry(), timeout("2s")]` gives every try two seconds,
 * `[timeout("2s"), retry()]` gives all tries together two seconds.
 *
 * Rejects with the call's own error, a policy's, or the reason of an aborted signal. An abort ends every wait at once, but
 * a call in flight learns of it by its signal only, and is waited for: what it did must be known.
 *
 * @example
 * const rows = await callWith([retry(), timeout("5s")], (signal) => client.list({ signal }), { name: "list", signal })
 */
export async function callWith<R>(policies: readonly Policy[], call: Call<R>, options: CallOptions = {}): Promise<R> {
  const outer = surroundingsHere()
  const context: CallContext = {
    name: options.name ?? "the call",
    who: options.who ?? outer.who,
    stage: options.stage ?? outer.stage,
    stopping: options.stopping,
  }
  const { controller, release } = follow([options.signal, outer.signal])
  try {
    return await wrapped(policies, within(call, context), context)(controller.signal)
  } finally {
    release()
  }
}

/** The type of a guarded function: as it was, except that a special promise (of execa, say) becomes a plain one. */
export type Guarded<F extends (...args: never[]) => Promise<unknown>> =
  Promise<Awaited<ReturnType<F>>> extends ReturnType<F>
    ? F
    : (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>

/**
 * Wraps an async function of yours in policies, the first outermost; its arguments, its result and their types stay.
 *
 * Inside, `callSignal()` is the signal that a timeout or a cancel aborts.
 *
 * @example
 * const getPage = guarded((n: number) => api.page(n, { signal: callSignal() }), [retry({ times: 5 }), timeout("2s")])
 * const page = await getPage(3)
 */
export function guarded<F extends (...args: never[]) => Promise<unknown>>(
  fn: F,
  policies: readonly Policy[],
  options: CallOptions = {},
): Guarded<F> {
  checkFunction("guarded", "its first argument", fn)
  checkPolicies("guarded", policies)
  const name = options.name ?? (fn.name === "" ? "the call" : fn.name)
  const call = (...args: never[]): Promise<unknown> => callWith(policies, async () => fn(...args), { ...options, name })
  return call as Guarded<F> // the same arguments in, the same result out: overloads and type parameters stay, too
}

/** A standard (TC39 stage 3) decorator of an async method; it keeps the method's type. */
export type MethodGuard = <T, A extends unknown[], R>(
  method: (this: T, ...args: A) => Promise<R>,
  context: ClassMethodDecoratorContext<T, (this: T, ...args: A) => Promise<R>>,
) => (this: T, ...args: A) => Promise<R>

/**
 * Gives a method decorator that carries the method out under policies, the first outermost.
 *
 * For compiled code (TypeScript 5 or newer, without `experimentalDecorators`): Node does not strip decorators.
 * All instances share the policies, so they share a rate. The name in errors is `Class.method`.
 *
 * @example
 * class Shop {
 *   @guard(retry({ times: 3 }), timeout("2s"))
 *   async order(id: string) { return fetch(`${base}/orders/${id}`, { signal: callSignal() }) }
 * }
 */
export function guard(...policies: readonly Policy[]): MethodGuard {
  checkPolicies("guard", policies)
  return (method, { name }) =>
    function (...args) {
      return callWith(policies, async () => method.apply(this, args), { name: `${className(this)}${String(name)}` })
    }
}

/** @throws FettleError `PROPS_INVALID`, where they are given and not where the first call is made */
function checkPolicies(where: string, policies: unknown): void {
  const wrong = wrongPolicies(policies, false)
  if (wrong !== undefined) throw badSetting(where, wrong)
}

/** The call with every policy around it; the list is folded from its end, so the first is outermost. */
function wrapped<R>(policies: readonly Policy[], call: Call<R>, context: CallContext): Call<R> {
  return policies.reduceRight((inner, policy) => policy.wrap(inner, context), call)
}

/** The innermost step: nothing starts once the signal is aborted, and guarded calls inside inherit what is here. */
function within<R>(call: Call<R>, context: CallContext): Call<R> {
  return async (signal) => {
    signal.throwIfAborted()
    return inContext({ who: context.who, stage: context.stage, signal }, () => call(signal))
  }
}

function className(receiver: unknown): string {
  const owner: unknown = typeof receiver === "function" ? receiver : (receiver as object | undefined)?.constructor
  return typeof owner === "function" && owner.name !== "" ? `${owner.name}.` : ""
}
