// The audio player under the upload field: the browser plays the user's file as it is. Gradio's own player would hand
// it to ffmpeg first, where there is one, and ffmpeg follows playlists to other local files.
(texts) => (file, language) => {
  if (!file || !file.url) return "";
  const sentence = texts["page.unplayable"][language] || texts["page.unplayable"].en;
  const hex = (sign) => "%" + sign.charCodeAt(0).toString(16);
  const source = encodeURI(decodeURI(file.url)).replace(/[&"'<>{}$`\\]/g, hex);
  return `<audio controls preload="metadata" src="${source}"
    onerror="this.hidden = true; this.nextElementSibling.hidden = false"></audio>
    <p class="se-hint" hidden>${sentence}</p>`;
}
