// Data of the page, packed.

export async function unpack(id) {
  const letters = document.getElementById(id).textContent
  const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0))
  const opened = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"))
  return JSON.parse(await new Response(opened).text())
}
