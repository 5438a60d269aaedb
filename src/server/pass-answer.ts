/**
 * Pass answer: an origin's answer goes on to the client as it arrives, at the client's pace.
 *
 * An answer that breaks off cuts the client's connection: what was not whole never looks whole.
 */

import type { ClientRequest, IncomingMessage } from 'node:http'
import { OriginError } from '../errors.ts'
import { isFieldValue } from '../http/headers.ts'
import { composeFields } from './fields.ts'
import type { IdleWatch } from './idle-watch.ts'
import { answerPairs, BYPASSED } from './passed-fields.ts'
import type { Outgoing } from './respond.ts'
import { cutOff } from './send.ts'

export interface AnswerPassing {
  readonly outgoing: Outgoing
  readonly toOrigin: ClientRequest
  /** A client that takes no byte for this long while some wait is cut off. */
  readonly clientStallMs: number
  /** Is on duty; sees every byte, and rests while it is the client's turn. */
  readonly watch: IdleWatch
  /** The whole answer has been handed to the client's connection. */
  readonly onWhole: () => void
  /** The origin broke off; the client, if it was still there, has been cut off. */
  readonly onBroken: (error: OriginError) => void
}

/** False for an answer that cannot be passed on: nothing has been written then. */
export function passAnswer(answer: IncomingMessage, passing: AnswerPassing): boolean {
  const { outgoing, toOrigin, clientStallMs, watch, onWhole, onBroken } = passing
  const { res, exchange, routeHeaders } = outgoing
  const { statusCode: status = 0, statusMessage: reason = '' } = answer
  if (status < 200 || status > 999) return false
  const pairs = composeFields(status, answerPairs(answer), routeHeaders, [])
  exchange.answers()
  if (isFieldValue(reason) && reason !== '') res.writeHead(status, reason, pairs)
  else res.writeHead(status, pairs)
  // An event stream's client wants to know that it is connected before there is an event.
  res.flushHeaders()
  exchange.cacheStatus = BYPASSED

  const onDrain = () => {
    res.setTimeout(0)
    watch.resume()
    answer.resume()
  }
  answer.on('data', (chunk: Buffer) => {
    watch.progress()
    exchange.bytes += chunk.length
    if (res.write(chunk) || res.destroyed) return
    answer.pause()
    watch.pause()
    res.setTimeout(clientStallMs)
    res.once('drain', onDrain)
  })
  const onFailed = () => {
    if (answer.complete || res.destroyed) return
    const error = new OriginError('broken', 'the origin broke off its answer')
    exchange.error ??= error
    cutOff(res)
    onBroken(error)
  }
  answer.on('error', onFailed)
  answer.once('close', onFailed)
  // Only this tells a reset from the end of an answer that ends with its connection: Node calls both of them complete.
  toOrigin.once('error', onFailed)
  answer.once('end', () => {
    if (!answer.complete || res.destroyed) return
    res.end()
    if (res.writableLength > 0) res.setTimeout(clientStallMs)
    onWhole()
  })
  return true
}
