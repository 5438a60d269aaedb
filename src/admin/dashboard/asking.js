/** What changes something: requests with JSON, whose failures are told in the words of the shield (RFC 9457). */

/**
 * @param {string} path
 * @param {unknown} content
 * @param {Record<string, string>} fields
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>} a good one
 * @throws {Error} whose message is for the one who asked
 */
export async function ask(path, content, fields, signal) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { ...fields, 'Content-Type': 'application/json' },
    body: JSON.stringify(content),
    ...(signal && { signal }),
  }).catch((error) => {
    throw signal?.aborted ? error : new Error('The shield cannot be reached.')
  })
  if (response.ok) return response
  const { detail } = await response.json().catch(() => ({}))
  throw new Error(typeof detail === 'string' ? detail : `The shield answered ${response.status}.`)
}

/**
 * Lines of JSON, each as soon as it is there.
 * @param {Response} response
 * @returns {AsyncGenerator<unknown>}
 */
export async function* linesOf({ body }) {
  if (body === null) return
  let rest = ''
  const reader = body.pipeThrough(/** @type {never} */ (new TextDecoderStream())).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = `${rest}${value}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line)
  }
}

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error))
