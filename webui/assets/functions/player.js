// The audio player under the upload field: the browser plays the user's file as it is. Gradio's own player would hand
// it to ffmpeg first, where there is one, and ffmpeg follows playlists to other local files. Behind a proxy that speaks
// TLS and does not say so, the address that Gradio gives begins with http://, which a page of https may not load; the
// file is on this server in any case, so the path is enough.
(texts) => (file, language) => {
  if (!file || !file.url) return "";
  const sentence = texts["page.unplayable"][language] || texts["page.unplayable"].en;
  const hex = (sign) => "%" + sign.charCodeAt(0).toString(16);
  const path = file.url.replace(/^https?:\/\/[^/]*/, "");
  const source = encodeURI(decodeURI(path)).replace(/[&"'<>{}$`\\]/g, hex);
  return `<audio controls preload="metadata" src="${source}"></audio>
    <p class="se-hint" hidden>${sentence}</p>`;
}
