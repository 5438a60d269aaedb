/**
 * The stream of live figures, read with fetch: an EventSource cannot bring a token.
 *
 * Invariant: at most one request is under way; whoever stops listening hears nothing more.
 */

/** @typedef {{ event: string, data: unknown }} StreamEvent */

/**
 * What becomes of the connection:
 * - `open`: events come
 * - `lost`: it is tried again after `seconds`
 * - `refused`: the token is missing or wrong; nothing is tried until a new one is there
 * @typedef {{ kind: 'open' } | { kind: 'lost', seconds: number } | { kind: 'refused', isWrong: boolean }} Connection
 */

const FIRST_PAUSE_SECONDS = 1
const MAX_PAUSE_SECONDS = 15
/** There is an event each second. */
const SILENCE_MS = 6000

/**
 * @param {() => Record<string, string>} fields of each request
 * @param {(event: StreamEvent) => void} onEvent
 * @param {(connection: Connection) => void} onConnection
 * @returns {() => void} begins anew at once
 */
export function listen(fields, onEvent, onConnection) {
  let pauseSeconds = FIRST_PAUSE_SECONDS
  /** @type {AbortController | undefined} */
  let current
  /** @type {number | undefined} */
  let pause

  const begin = () => {
    clearTimeout(pause)
    current?.abort()
    const own = new AbortController()
    current = own
    void attempt(own)
  }

  /** @param {AbortController} own */
  const attempt = async (own) => {
    const headers = fields()
    const hasToken = headers['Authorization'] !== undefined
    if (!isSendable(headers)) return onConnection({ kind: 'refused', isWrong: hasToken })
    try {
      const silence = setTimeout(() => own.abort(), SILENCE_MS)
      const asked = fetch('events', { headers, signal: own.signal, cache: 'no-store' })
      const response = await asked.finally(() => clearTimeout(silence))
      if (response.status === 401) return onConnection({ kind: 'refused', isWrong: hasToken })
      if (!response.ok || response.body === null) throw new Error(`status ${response.status}`)
      for await (const event of eventsOf(response.body, () => own.abort())) {
        if (current !== own) return
        if (event.event === 'history') {
          pauseSeconds = FIRST_PAUSE_SECONDS
          onConnection({ kind: 'open' })
        }
        onEvent(event)
      }
    } catch {
      // It is said below, whatever it was.
    }
    if (current !== own) return
    onConnection({ kind: 'lost', seconds: pauseSeconds })
    pause = setTimeout(begin, 1000 * pauseSeconds)
    pauseSeconds = Math.min(2 * pauseSeconds, MAX_PAUSE_SECONDS)
  }

  begin()
  return begin
}

/** Whether these can be header fields at all: typographic quotes, say, cannot. @param {Record<string, string>} fields */
function isSendable(fields) {
  try {
    new Headers(fields)
    return true
  } catch {
    return false
  }
}

/**
 * The events of a stream as they come (HTML §9.2.6), as far as this one uses them: an event's name and one line of JSON.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @param {() => void} onSilence nothing has come for too long
 * @returns {AsyncGenerator<StreamEvent>}
 */
async function* eventsOf(body, onSilence) {
  const reader = body.pipeThrough(/** @type {never} */ (new TextDecoderStream())).getReader()
  let rest = ''
  for (;;) {
    const silence = setTimeout(onSilence, SILENCE_MS)
    const { done, value } = await reader.read().finally(() => clearTimeout(silence))
    if (done) return
    const blocks = `${rest}${value}`.split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1]
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) }
    }
  }
}
