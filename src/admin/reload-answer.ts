/**
 * What came of a reload, for whoever asked for it.
 *
 * | cause                                   | status | who can do something about it                        |
 * |-----------------------------------------|--------|------------------------------------------------------|
 * | `configuration`, `certificates`, `keys` | 422    | the operator: what the files say is no use           |
 * | `untried`                               | 502    | nobody here: the bucket could not be asked           |
 * | `noSource`                              | 501    | whoever started the program without a file to read   |
 * | `ending`                                | 503    | nobody; the program that comes next reads it anyway  |
 */

import { type RefusalCause, type ReloadOutcome, resultOf } from '../observe/reloads.ts'
import { type AdminAnswer, json, problem } from './answer.ts'
import type { Reloaded } from './schemas.ts'

export function reloadAnswer(outcome: ReloadOutcome): AdminAnswer {
  if (outcome.kind === 'reloaded') {
    const { changed, certificates, restartNeeded } = outcome
    const said: Reloaded = {
      result: resultOf(outcome),
      changed: [...changed],
      certificates: [...certificates],
      restartNeeded: [...restartNeeded],
    }
    return json(200, said)
  }
  const { status, detail } = refusalOf(outcome.cause, outcome.problems.length)
  return problem(status, detail, {}, status === 422 || status === 502 ? { problems: outcome.problems } : {})
}

function refusalOf(cause: RefusalCause, count: number): { readonly status: number; readonly detail: string } {
  const counted = count === 1 ? 'a problem' : `${count} problems`
  switch (cause) {
    case 'configuration':
      return { status: 422, detail: `Nothing has changed: the configuration has ${counted}` }
    case 'certificates':
      return { status: 422, detail: 'Nothing has changed: certificates cannot be used' }
    case 'keys':
      return { status: 422, detail: 'Nothing has changed: new keys are not taken' }
    case 'untried':
      return { status: 502, detail: 'Nothing has changed: new keys could not be tried' }
    case 'noSource':
      return { status: 501, detail: 'This program was started without a file that could be read again' }
    case 'ending':
      return { status: 503, detail: 'Nothing has changed: the program is ending' }
    default:
      return cause satisfies never
  }
}
