/** Plays the sample with hls.js, and shows each answer it gets with its Cache-Status, time and size. */

const { Hls } = globalThis
const STREAM = 'stream/master.m3u8'
const byId = (id) => document.getElementById(id)
const video = byId('video')
const answers = []

/** hls.js' own loader, listened in on: every playlist, init file and segment goes through it. */
class WatchedLoader extends Hls.DefaultConfig.loader {
  load(context, config, callbacks) {
    const note = (status, cacheStatus, { loading, total, loaded }) => {
      const ms = Math.max(0, loading.end - loading.start)
      showAnswer({ name: context.url.split('/').at(-1), status, cacheStatus, bytes: total || loaded, ms })
    }
    super.load(context, config, {
      ...callbacks,
      onSuccess: (response, stats, loaded, xhr) => {
        note(xhr.status, xhr.getResponseHeader('Cache-Status') ?? '', stats)
        callbacks.onSuccess(response, stats, loaded, xhr)
      },
      onError: (error, failed, xhr, stats) => {
        note(error.code, '', stats)
        callbacks.onError(error, failed, xhr, stats)
      },
    })
  }
}

/**
 * Cache-Status (RFC 9211) in one word: `hit`, from memory; `confirmed`, from memory after the bucket said that nothing
 * has changed; `replaced`, changed and fetched; `collapsed`, joined another viewer's fetch; `miss`, fetched.
 */
function outcomeOf({ status, cacheStatus }) {
  if (status !== 200 && status !== 206) return 'failed'
  if (/;\s*hit\b/.test(cacheStatus)) return 'hit'
  if (/;\s*collapsed\b/.test(cacheStatus)) return 'collapsed'
  if (/;\s*fwd-status=304\b/.test(cacheStatus)) return 'confirmed'
  return /;\s*fwd=stale\b/.test(cacheStatus) ? 'replaced' : 'miss'
}

function showAnswer(answer) {
  const outcome = outcomeOf(answer)
  answers.push({ ...answer, outcome })
  const badge = document.createElement('span')
  badge.className = `badge ${outcome}`
  badge.textContent = outcome === 'failed' ? `failed ${answer.status || ''}` : outcome
  badge.title = answer.cacheStatus
  const row = document.createElement('tr')
  row.dataset.outcome = outcome
  for (const [content, kind] of [
    [answer.name, ''],
    [badge, ''],
    [`${answer.ms.toFixed(answer.ms < 10 ? 1 : 0)} ms`, 'number'],
    [formatBytes(answer.bytes), 'number'],
  ]) {
    const cell = row.insertCell()
    cell.className = kind
    cell.append(content)
  }
  byId('answers').prepend(row)
  showTotals()
}

function showTotals() {
  const hits = answers.filter(({ outcome }) => outcome === 'hit' || outcome === 'confirmed').length
  const times = answers.map(({ ms }) => ms).toSorted((a, b) => a - b)
  byId('total-requests').textContent = String(answers.length)
  byId('total-hits').textContent = `${Math.round((100 * hits) / answers.length)} %`
  byId('total-bytes').textContent = formatBytes(answers.reduce((sum, { bytes }) => sum + bytes, 0))
  byId('median-time').textContent = `${times[Math.floor(times.length / 2)].toFixed(1)} ms`
}

function formatBytes(bytes) {
  return bytes < 999_500 ? `${(bytes / 1000).toFixed(bytes < 9_950 ? 1 : 0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`
}

function say(text, isError = false) {
  byId('message').textContent = text
  byId('message').classList.toggle('error', isError)
}

let hls

/** A new player each time, since one that goes back plays from its own buffer and asks for nothing. */
function start() {
  hls?.destroy()
  const level = Number(byId('quality').value)
  hls = new Hls({ loader: WatchedLoader, startLevel: level, maxBufferLength: 12 })
  globalThis.demo = { hls, answers, errors: globalThis.demo?.errors ?? [] }
  hls.on(Hls.Events.ERROR, (_event, { type, details, fatal }) => {
    globalThis.demo.errors.push({ type, details, fatal })
    if (fatal) say(`Playback stopped: ${details}`, true)
  })
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    listQualities()
    if (level !== -1) hls.loadLevel = level
    say('Playing. What the shield does not have yet it fetches from the bucket, once.')
    video.play().catch(() => say('Press play.'))
  })
  hls.loadSource(STREAM)
  hls.attachMedia(video)
}

function listQualities() {
  const select = byId('quality')
  if (select.options.length > 1) return
  for (const [index, { height }] of hls.levels.entries()) select.add(new Option(`${height}p`, String(index)))
}

byId('restart').addEventListener('click', start)
byId('quality').addEventListener('change', ({ target }) => {
  hls.nextLevel = Number(target.value)
})
video.addEventListener('ended', () => say('Played to the end. Restart it: now it comes from memory.'))

if (Hls.isSupported()) start()
else say('This browser has no Media Source Extensions, which hls.js needs.', true)
