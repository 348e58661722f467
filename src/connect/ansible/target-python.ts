import { ANSWER } from "./target-answer-python.ts"
import { SERVE } from "./target-serve-python.ts"
import { START } from "./target-start-python.ts"

/**
 * Runs on the target: hands one request on to the warm Python of this session, and starts that where there is none. Standard input
 * holds the length of this text, this text, a line with `{token, zip, python}`, the payload of `zip` bytes, and the calls as JSON.
 *
 * The warm Python has the module code loaded and forks for each call, one after the other: two modules at once would undo each
 * other's edits of one file. What a fork does to its Python dies with it. It serves a socket in a folder of its own, and ends when the
 * session does, or when the folder is gone.
 */
export const TARGET = `${START}${SERVE}${ANSWER}main()\n`
