<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN">
<context>
    <name></name>
    <message>
        <source>The address {0} is in use.</source>
        <translation>地址 {0} 已被占用。</translation>
    </message>
    <message>
        <source>Use it as it is</source>
        <translation>直接使用它</translation>
    </message>
    <message>
        <source>Use port {0} this time</source>
        <translation>本次改用端口 {0}</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>重试</translation>
    </message>
    <message>
        <source>Puna can be its window, or run its own server at another port. To free the port, quit that program and try again.</source>
        <translation>Puna 可以作为它的窗口，也可以在另一个端口运行自己的服务器。若要腾出该端口，请退出那个程序后重试。</translation>
    </message>
    <message>
        <source>Puna can run at another port. To free this one, quit that program and try again.</source>
        <translation>Puna 可以使用另一个端口。若要腾出此端口，请退出那个程序后重试。</translation>
    </message>
    <message>
        <source>another Puna</source>
        <translation>另一个 Puna</translation>
    </message>
    <message>
        <source>another program</source>
        <translation>另一个程序</translation>
    </message>
    <message>
        <source>process {0}</source>
        <translation>进程 {0}</translation>
    </message>
    <message>
        <source>It belongs to {0}.</source>
        <translation>占用者是 {0}。</translation>
    </message>
    <message>
        <source>Keep Puna running in the background?</source>
        <translation>让 Puna 在后台继续运行吗？</translation>
    </message>
    <message>
        <source>Other programs can go on using your models. Open Puna again from the tray or by starting it once more. The settings page can change this later.</source>
        <translation>其他程序可以继续使用您的模型。可从托盘或再次启动来打开 Puna。以后可在“设置”中更改。</translation>
    </message>
    <message>
        <source>Keep running</source>
        <translation>继续运行</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>退出</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Open a GGUF file or Modelfile…</source>
        <translation>打开 GGUF 文件或 Modelfile…</translation>
    </message>
    <message>
        <source>Stop server</source>
        <translation>停止服务器</translation>
    </message>
    <message>
        <source>Restart server</source>
        <translation>重启服务器</translation>
    </message>
    <message>
        <source>Start server</source>
        <translation>启动服务器</translation>
    </message>
    <message>
        <source>Copy API address</source>
        <translation>复制 API 地址</translation>
    </message>
    <message>
        <source>Unload all models</source>
        <translation>卸载所有模型</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>键盘快捷键</translation>
    </message>
    <message>
        <source>About Puna</source>
        <translation>关于 Puna</translation>
    </message>
    <message>
        <source>Quit Puna</source>
        <translation>退出 Puna</translation>
    </message>
    <message>
        <source>Runs language models on your own machine. Nothing leaves it unless you pull or push.</source>
        <translation>在您自己的电脑上运行语言模型。除非您拉取或推送，否则不会有任何数据离开本机。</translation>
    </message>
    <message>
        <source>Pages</source>
        <translation>切换页面</translation>
    </message>
    <message>
        <source>Go to the message field</source>
        <translation>转到输入框</translation>
    </message>
    <message>
        <source>Search chats</source>
        <translation>搜索对话</translation>
    </message>
    <message>
        <source>Search the settings, on their page</source>
        <translation>搜索设置（在设置页）</translation>
    </message>
    <message>
        <source>Stop the answer</source>
        <translation>停止回答</translation>
    </message>
    <message>
        <source>Answer again</source>
        <translation>重新回答</translation>
    </message>
    <message>
        <source>Copy the last answer</source>
        <translation>复制最后一条回答</translation>
    </message>
    <message>
        <source>Rename the selected chat</source>
        <translation>重命名所选对话</translation>
    </message>
    <message>
        <source>Next problem in the Modelfile</source>
        <translation>Modelfile 中的下一个问题</translation>
    </message>
    <message>
        <source>Open a GGUF file or Modelfile</source>
        <translation>打开 GGUF 文件或 Modelfile</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>Larger, smaller or usual text</source>
        <translation>放大、缩小或恢复文字</translation>
    </message>
    <message>
        <source>This is no address such as 127.0.0.1:11434.</source>
        <translation>这不是有效的地址，例如 127.0.0.1:11434。</translation>
    </message>
    <message>
        <source>Listen address</source>
        <translation>监听地址</translation>
    </message>
    <message>
        <source>127.0.0.1:11434 is for this computer only; 0.0.0.0:11434 opens it to your network.</source>
        <translation>127.0.0.1:11434 仅供本机使用；0.0.0.0:11434 会向您的网络开放。</translation>
    </message>
    <message>
        <source>Allowed web origins</source>
        <translation>允许的网页来源</translation>
    </message>
    <message>
        <source>Web pages and extensions that may use the server, separated by commas.</source>
        <translation>可以使用服务器的网页和浏览器扩展，用逗号分隔。</translation>
    </message>
    <message>
        <source>Web pages you allowed</source>
        <translation>您允许的网页</translation>
    </message>
    <message>
        <source>Decided in the window when they asked; take one out to be asked again.</source>
        <translation>在网页请求时于窗口中决定；移除某项后会再次询问。</translation>
    </message>
    <message>
        <source>Web pages you blocked</source>
        <translation>您屏蔽的网页</translation>
    </message>
    <message>
        <source>They are refused without asking; take one out to be asked again.</source>
        <translation>直接拒绝而不再询问；移除某项后会再次询问。</translation>
    </message>
    <message>
        <source>Further host names</source>
        <translation>其他主机名</translation>
    </message>
    <message>
        <source>Names under which other machines reach this one.</source>
        <translation>其他机器访问本机时使用的名称。</translation>
    </message>
    <message>
        <source>API key</source>
        <translation>API 密钥</translation>
    </message>
    <message>
        <source>When set, every request must carry this key.</source>
        <translation>设置后，每个请求都必须带上此密钥。</translation>
    </message>
    <message>
        <source>Models folder</source>
        <translation>模型文件夹</translation>
    </message>
    <message>
        <source>Shared with Ollama by default. Files are not moved.</source>
        <translation>默认与 Ollama 共用。不会移动文件。</translation>
    </message>
    <message>
        <source>Keep models loaded</source>
        <translation>模型保留时间</translation>
    </message>
    <message>
        <source>How long an idle model stays in memory: 5m, 1h, 0 to unload at once, -1 for ever.</source>
        <translation>空闲模型在内存中保留多久：5m、1h，0 表示立即卸载，-1 表示一直保留。</translation>
    </message>
    <message>
        <source>Keep unused blobs</source>
        <translation>保留未使用的数据块</translation>
    </message>
    <message>
        <source>Do not delete files that no model uses.</source>
        <translation>不删除没有模型使用的文件。</translation>
    </message>
    <message>
        <source>Connections per download</source>
        <translation>每个下载的连接数</translation>
    </message>
    <message>
        <source>How many parts of a model are fetched at a time.</source>
        <translation>同时下载模型的几个部分。</translation>
    </message>
    <message>
        <source>Refuse remote models</source>
        <translation>拒绝远程模型</translation>
    </message>
    <message>
        <source>Only models on this computer are used.</source>
        <translation>只使用本机上的模型。</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>温度</translation>
    </message>
    <message>
        <source>Top P</source>
        <translation>Top P</translation>
    </message>
    <message>
        <source>Context length</source>
        <translation>上下文长度</translation>
    </message>
    <message>
        <source>Longest answer</source>
        <translation>最长回答</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>随机种子</translation>
    </message>
    <message>
        <source>This is no number.</source>
        <translation>这不是数字。</translation>
    </message>
    <message>
        <source>{0} to {1}</source>
        <translation>{0} 到 {1}</translation>
    </message>
    <message>
        <source>Tokens of a conversation that a model sees; 0 = as memory allows.</source>
        <translation>模型能看到的对话词元数；0 = 由内存决定。</translation>
    </message>
    <message>
        <source>Parallel requests</source>
        <translation>并行请求数</translation>
    </message>
    <message>
        <source>Requests that one model answers at a time; 0 = as memory allows.</source>
        <translation>一个模型同时处理的请求数；0 = 由内存决定。</translation>
    </message>
    <message>
        <source>Loaded models</source>
        <translation>已加载的模型</translation>
    </message>
    <message>
        <source>Models in memory at a time; 0 = as the machine allows.</source>
        <translation>同时驻留内存的模型数；0 = 由机器决定。</translation>
    </message>
    <message>
        <source>Waiting requests</source>
        <translation>排队请求数</translation>
    </message>
    <message>
        <source>Further requests are refused as busy.</source>
        <translation>超出的请求会以“繁忙”拒绝。</translation>
    </message>
    <message>
        <source>Flash attention</source>
        <translation>Flash attention</translation>
    </message>
    <message>
        <source>Saves memory with long contexts.</source>
        <translation>上下文较长时可节省内存。</translation>
    </message>
    <message>
        <source>Cache precision</source>
        <translation>缓存精度</translation>
    </message>
    <message>
        <source>f16, q8_0 or q4_0: fewer bits save memory and cost some quality.</source>
        <translation>f16、q8_0 或 q4_0：位数越少越省内存，但质量略有下降。</translation>
    </message>
    <message>
        <source>GPU memory reserve</source>
        <translation>GPU 预留显存</translation>
    </message>
    <message>
        <source>Left free on each GPU, e.g. 512M.</source>
        <translation>每块 GPU 上保留的空闲显存，例如 512M。</translation>
    </message>
    <message>
        <source>Load timeout</source>
        <translation>加载超时</translation>
    </message>
    <message>
        <source>How long loading may stand still.</source>
        <translation>加载过程最长可停滞多久。</translation>
    </message>
    <message>
        <source>Remember computed prompts</source>
        <translation>记住已计算的提示</translation>
    </message>
    <message>
        <source>Keeps the state of conversations on disk, so they go on faster.</source>
        <translation>将对话状态保存在磁盘上，使后续回答更快。</translation>
    </message>
    <message>
        <source>Space for computed prompts</source>
        <translation>已计算提示的空间</translation>
    </message>
    <message>
        <source>Disk space, e.g. 4G.</source>
        <translation>磁盘空间，例如 4G。</translation>
    </message>
    <message>
        <source>Keep a process ready</source>
        <translation>预备一个进程</translation>
    </message>
    <message>
        <source>Models load faster; costs about 50 MB of memory.</source>
        <translation>加载模型更快；约占用 50 MB 内存。</translation>
    </message>
    <message>
        <source>Log detail</source>
        <translation>日志详细程度</translation>
    </message>
    <message>
        <source>0 little, 1 more, 2 everything.</source>
        <translation>0 较少，1 较多，2 全部。</translation>
    </message>
    <message>
        <source>Log request bodies</source>
        <translation>记录请求内容</translation>
    </message>
    <message>
        <source>Writes what is asked and answered into the log. Off protects privacy.</source>
        <translation>将提问和回答写入日志。关闭可保护隐私。</translation>
    </message>
    <message>
        <source>Server failed: {0}</source>
        <translation>服务器出错：{0}</translation>
    </message>
    <message>
        <source>Starting…</source>
        <translation>正在启动…</translation>
    </message>
    <message>
        <source>Stopping…</source>
        <translation>正在停止…</translation>
    </message>
    <message>
        <source>Server stopped</source>
        <translation>服务器已停止</translation>
    </message>
    <message>
        <source>Answering at {0}</source>
        <translation>正在回答（{0}）</translation>
    </message>
    <message>
        <source>Downloading {0}: {1} %</source>
        <translation>正在下载 {0}：{1}%</translation>
    </message>
    <message>
        <source>A web page asks to use your models</source>
        <translation>有网页请求使用您的模型</translation>
    </message>
    <message>
        <source>Using the server at {0}</source>
        <translation>正在使用 {0} 的服务器</translation>
    </message>
    <message>
        <source>Running at {0}</source>
        <translation>运行于 {0}</translation>
    </message>
    <message>
        <source>{0} s</source>
        <translation>{0} 秒</translation>
    </message>
    <message>
        <source>{0} min {1} s</source>
        <translation>{0} 分 {1} 秒</translation>
    </message>
    <message>
        <source>{0} h {1} min</source>
        <translation>{0} 小时 {1} 分</translation>
    </message>
    <message>
        <source>just now</source>
        <translation>刚刚</translation>
    </message>
    <message>
        <source>{0} min ago</source>
        <translation>{0} 分钟前</translation>
    </message>
    <message>
        <source>{0} h ago</source>
        <translation>{0} 小时前</translation>
    </message>
    <message>
        <source>{0} days ago</source>
        <translation>{0} 天前</translation>
    </message>
    <message>
        <source>{0} months ago</source>
        <translation>{0} 个月前</translation>
    </message>
    <message>
        <source>{0} years ago</source>
        <translation>{0} 年前</translation>
    </message>
    <message>
        <source>writes</source>
        <translation>能写作</translation>
    </message>
    <message>
        <source>hears</source>
        <translation>能听声音</translation>
    </message>
    <message>
        <source>The server does not answer. Start it from the tray or this page.</source>
        <translation>服务器没有响应。请从托盘或此页面启动它。</translation>
    </message>
    <message>
        <source>This model is not installed. Choose another one or pull it.</source>
        <translation>此模型未安装。请选择其他模型或拉取它。</translation>
    </message>
    <message>
        <source>The registry does not know this model. Check the name and tag.</source>
        <translation>模型库中没有此模型。请检查名称和标签。</translation>
    </message>
    <message>
        <source>The registry cannot be reached. Check the connection.</source>
        <translation>无法连接模型库。请检查网络连接。</translation>
    </message>
    <message>
        <source>The disk is full. Free some space, then resume.</source>
        <translation>磁盘已满。请腾出空间后继续。</translation>
    </message>
    <message>
        <source>The models folder cannot be written. Chat still works.</source>
        <translation>模型文件夹不可写。仍可对话。</translation>
    </message>
    <message>
        <source>Not enough memory for this model. Try a smaller context length.</source>
        <translation>内存不足以运行此模型。请尝试更小的上下文长度。</translation>
    </message>
    <message>
        <source>The model&apos;s process ended. What was written is kept; try again.</source>
        <translation>模型进程已结束。已写出的内容已保留，请重试。</translation>
    </message>
    <message>
        <source>The conversation is longer than the model&apos;s context.</source>
        <translation>对话超出了模型的上下文长度。</translation>
    </message>
    <message>
        <source>This model cannot do that.</source>
        <translation>此模型不支持该操作。</translation>
    </message>
    <message>
        <source>The server is busy. Try again in a moment.</source>
        <translation>服务器繁忙，请稍后再试。</translation>
    </message>
    <message>
        <source>Allow once</source>
        <translation>允许一次</translation>
    </message>
    <message>
        <source>Allow {0} once</source>
        <translation>允许 {0} 一次</translation>
    </message>
    <message>
        <source>Always allow</source>
        <translation>始终允许</translation>
    </message>
    <message>
        <source>Always allow {0}</source>
        <translation>始终允许 {0}</translation>
    </message>
    <message>
        <source>Block</source>
        <translation>屏蔽</translation>
    </message>
    <message>
        <source>Block {0}</source>
        <translation>屏蔽 {0}</translation>
    </message>
    <message>
        <source>{0} asks to use your models</source>
        <translation>{0} 请求使用您的模型</translation>
    </message>
    <message>
        <source>A page that hides where it comes from (“{0}”) was turned away</source>
        <translation>已拒绝一个隐藏来源的网页（“{0}”）</translation>
    </message>
    <message>
        <source>It was refused. Allow it only if you opened this page or extension yourself. “Once” holds until the server ends.</source>
        <translation>请求已被拒绝。仅当此网页或扩展是您自己打开的，才应允许。“一次”在服务器结束前有效。</translation>
    </message>
    <message>
        <source>Any page can pretend to be it, so it cannot be allowed here.</source>
        <translation>任何网页都能冒充这一来源，因此不能在此允许。</translation>
    </message>
    <message>
        <source>window of {0} tokens</source>
        <translation>上下文窗口 {0} 个词元</translation>
    </message>
    <message>
        <source>{0} are needed, {1} are free for models</source>
        <translation>需要 {0}，可用于模型的空间为 {1}</translation>
    </message>
    <message>
        <source>fits on the GPU</source>
        <translation>可完全放入 GPU</translation>
    </message>
    <message>
        <source>partly on the GPU: {0} of {1} layers, slower</source>
        <translation>部分放入 GPU：{1} 层中的 {0} 层，速度较慢</translation>
    </message>
    <message>
        <source>fits into memory</source>
        <translation>可放入内存</translation>
    </message>
    <message>
        <source>tight: needs {0} of memory, close other programs</source>
        <translation>内存紧张：需要 {0} 内存，请关闭其他程序</translation>
    </message>
    <message>
        <source>too large for this computer: needs {0} of memory, {1} can be had</source>
        <translation>对这台电脑来说太大：需要 {0} 内存，最多只有 {1}</translation>
    </message>
    <message>
        <source>sees pictures</source>
        <translation>能看图片</translation>
    </message>
    <message>
        <source>calls tools</source>
        <translation>能调用工具</translation>
    </message>
    <message>
        <source>thinks</source>
        <translation>会思考</translation>
    </message>
    <message>
        <source>completes code</source>
        <translation>补全代码</translation>
    </message>
    <message>
        <source>for searching</source>
        <translation>用于搜索</translation>
    </message>
</context>
<context>
    <name>ActivityView</name>
    <message>
        <source>None. A model is loaded by the first request for it.</source>
        <translation>没有。模型会在首次请求时加载。</translation>
    </message>
    <message>
        <source>None.</source>
        <translation>没有。</translation>
    </message>
    <message>
        <source>Nothing yet.</source>
        <translation>暂无。</translation>
    </message>
    <message>
        <source>Activity</source>
        <translation>活动</translation>
    </message>
    <message>
        <source>This computer</source>
        <translation>本机</translation>
    </message>
    <message>
        <source>Models in memory</source>
        <translation>内存中的模型</translation>
    </message>
    <message>
        <source>Transfers</source>
        <translation>传输</translation>
    </message>
    <message>
        <source>Lately</source>
        <translation>最近</translation>
    </message>
    <message>
        <source>Asking the server…</source>
        <translation>正在询问服务器…</translation>
    </message>
    <message>
        <source>This server does not tell what the machine has.</source>
        <translation>此服务器不提供硬件信息。</translation>
    </message>
    <message>
        <source>The server does not answer.</source>
        <translation>服务器没有响应。</translation>
    </message>
    <message numerus="yes">
        <source>%n core(s)</source>
        <translation>
            <numerusform>%n 个核心</numerusform>
        </translation>
    </message>
    <message>
        <source>no GPU found, models run on the processor</source>
        <translation>未找到 GPU，模型在处理器上运行</translation>
    </message>
</context>
<context>
    <name>AnswerView</name>
    <message>
        <source>Go on</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Copy answer</source>
        <translation>复制回答</translation>
    </message>
    <message>
        <source>Answer again</source>
        <translation>重新回答</translation>
    </message>
    <message numerus="yes">
        <source>The context is full: for this answer the model did not see the first %n message(s).</source>
        <translation>
            <numerusform>上下文已满：模型在这次回答中没有看到最早的 %n 条消息。</numerusform>
        </translation>
    </message>
    <message>
        <source>The context is full: for this answer the prompt was shortened.</source>
        <translation>上下文已满：这次回答的提示被缩短了。</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>{0} tokens/s</source>
        <translation>{0} 词元/秒</translation>
    </message>
    <message>
        <source>first token {0} s</source>
        <translation>首个词元 {0} 秒</translation>
    </message>
    <message>
        <source>{0} tokens</source>
        <translation>{0} 个词元</translation>
    </message>
    <message>
        <source>length limit reached</source>
        <translation>已达长度上限</translation>
    </message>
    <message>
        <source>Prompt: {0} tokens, {1} tokens/s</source>
        <translation>提示：{0} 个词元，{1} 词元/秒</translation>
    </message>
    <message>
        <source>Answer: {0} tokens in {1}</source>
        <translation>回答：{0} 个词元，用时 {1}</translation>
    </message>
    <message>
        <source>Model load: {0} s</source>
        <translation>模型加载：{0} 秒</translation>
    </message>
    <message>
        <source>Ended by: {0}</source>
        <translation>结束原因：{0}</translation>
    </message>
</context>
<context>
    <name>ApiView</name>
    <message>
        <source>Start</source>
        <translation>启动</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Restart</source>
        <translation>重启</translation>
    </message>
    <message>
        <source>API address</source>
        <translation>API 地址</translation>
    </message>
    <message>
        <source>Example</source>
        <translation>示例</translation>
    </message>
    <message>
        <source>Test</source>
        <translation>测试</translation>
    </message>
    <message>
        <source>API</source>
        <translation>API</translation>
    </message>
    <message>
        <source>Other programs on this computer can use your models at this address.</source>
        <translation>本机上的其他程序可以通过此地址使用您的模型。</translation>
    </message>
    <message>
        <source>Copy API address</source>
        <translation>复制 API 地址</translation>
    </message>
    <message>
        <source>Server</source>
        <translation>服务器</translation>
    </message>
    <message>
        <source>Copy example</source>
        <translation>复制示例</translation>
    </message>
    <message>
        <source>API style</source>
        <translation>API 风格</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>语言</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>starting…</source>
        <translation>正在启动…</translation>
    </message>
    <message>
        <source>running</source>
        <translation>运行中</translation>
    </message>
    <message>
        <source>stopping…</source>
        <translation>正在停止…</translation>
    </message>
    <message>
        <source>failed: {0}</source>
        <translation>出错：{0}</translation>
    </message>
    <message>
        <source>another program&apos;s server, used as it is</source>
        <translation>使用其他程序的服务器</translation>
    </message>
    <message>
        <source>Waiting for the answer…</source>
        <translation>正在等待回答…</translation>
    </message>
    <message>
        <source>Answered in {0} s:</source>
        <translation>{0} 秒内回答：</translation>
    </message>
</context>
<context>
    <name>ChatView</name>
    <message>
        <source>tiny – only for trying</source>
        <translation>超小模型，仅供试用</translation>
    </message>
    <message>
        <source>System prompt and options of this chat</source>
        <translation>此对话的系统提示和选项</translation>
    </message>
    <message>
        <source>Get the model</source>
        <translation>获取模型</translation>
    </message>
    <message>
        <source>Start server</source>
        <translation>启动服务器</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>重试</translation>
    </message>
    <message>
        <source>Sending…</source>
        <translation>正在发送…</translation>
    </message>
    <message>
        <source>Loading the model… {0} %</source>
        <translation>正在加载模型… {0}%</translation>
    </message>
    <message>
        <source>Loading the model…</source>
        <translation>正在加载模型…</translation>
    </message>
    <message>
        <source>Reading the prompt… {0} of {1} tokens</source>
        <translation>正在读取提示…… {0} / {1} 个词元</translation>
    </message>
    <message>
        <source>Reading the prompt…</source>
        <translation>正在读取提示…</translation>
    </message>
    <message>
        <source>Export chat</source>
        <translation>导出对话</translation>
    </message>
    <message>
        <source>Open link?</source>
        <translation>打开链接？</translation>
    </message>
    <message>
        <source>The answer contains a link to:</source>
        <translation>回答中包含指向以下地址的链接：</translation>
    </message>
</context>
<context>
    <name>CodeBlock</name>
    <message>
        <source>Code</source>
        <translation>代码</translation>
    </message>
    <message>
        <source>Copy code</source>
        <translation>复制代码</translation>
    </message>
    <message>
        <source>text</source>
        <translation>文本</translation>
    </message>
</context>
<context>
    <name>ComposerPanel</name>
    <message>
        <source>Message</source>
        <translation>消息</translation>
    </message>
    <message>
        <source>Write a message…</source>
        <translation>输入消息…</translation>
    </message>
    <message>
        <source>Attach a file</source>
        <translation>附加文件</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>发送</translation>
    </message>
    <message>
        <source>Stop (Esc)</source>
        <translation>停止 (Esc)</translation>
    </message>
    <message>
        <source>{0} is no picture, and no text of up to 1 MB</source>
        <translation>{0} 既不是图片，也不是 1 MB 以内的文本</translation>
    </message>
    <message>
        <source>This model does not see pictures</source>
        <translation>此模型不能识别图片</translation>
    </message>
    <message>
        <source>Attach text files or pictures</source>
        <translation>附加文本文件或图片</translation>
    </message>
    <message>
        <source>Remove {0}</source>
        <translation>移除 {0}</translation>
    </message>
    <message>
        <source>Editing – Esc to cancel</source>
        <translation>正在编辑 – 按 Esc 取消</translation>
    </message>
    <message>
        <source>Remove picture</source>
        <translation>移除图片</translation>
    </message>
</context>
<context>
    <name>ContextMeter</name>
    <message>
        <source>Context in use</source>
        <translation>已用上下文</translation>
    </message>
    <message>
        <source>Context {0} %</source>
        <translation>上下文 {0}%</translation>
    </message>
    <message>
        <source>{0} of {1} tokens of the context are in use. When it is full, the model no longer sees the oldest messages; the answer then says so.</source>
        <translation>上下文已用 {0} / {1} 个词元。用满后，模型将看不到最早的消息，回答处会有提示。</translation>
    </message>
</context>
<context>
    <name>CreateView</name>
    <message>
        <source>Modelfile</source>
        <translation>Modelfile</translation>
    </message>
    <message>
        <source>Problems</source>
        <translation>问题</translation>
    </message>
    <message>
        <source>Name of the new model</source>
        <translation>新模型的名称</translation>
    </message>
    <message>
        <source>for example my-assistant</source>
        <translation>例如 my-assistant</translation>
    </message>
    <message>
        <source>Progress of creating</source>
        <translation>创建进度</translation>
    </message>
    <message>
        <source>Create model</source>
        <translation>创建模型</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Chat with it</source>
        <translation>开始对话</translation>
    </message>
    <message>
        <source>Open a GGUF file or Modelfile</source>
        <translation>打开 GGUF 文件或 Modelfile</translation>
    </message>
    <message>
        <source>Examples</source>
        <translation>示例</translation>
    </message>
    <message>
        <source>New model</source>
        <translation>新建模型</translation>
    </message>
    <message>
        <source>Open…</source>
        <translation>打开…</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
    <message>
        <source>FROM names an installed model, a model to pull, or a GGUF file. SYSTEM tells it how to behave, PARAMETER sets options. Ctrl+Space completes, F8 goes to the next problem.</source>
        <translation>FROM 指定已安装的模型、要拉取的模型或 GGUF 文件。SYSTEM 说明它应如何表现，PARAMETER 设置选项。Ctrl+空格 补全，F8 转到下一个问题。</translation>
    </message>
    <message>
        <source>Helpful assistant</source>
        <translation>通用助手</translation>
    </message>
    <message>
        <source>Assistant that speaks Chinese</source>
        <translation>中文助手</translation>
    </message>
    <message>
        <source>Translator with examples</source>
        <translation>带示例的翻译</translation>
    </message>
    <message>
        <source>Extract facts as JSON</source>
        <translation>提取信息为 JSON</translation>
    </message>
    <message>
        <source>Code reviewer</source>
        <translation>代码审阅</translation>
    </message>
    <message>
        <source>From a GGUF file, with a template</source>
        <translation>从 GGUF 文件创建，带模板</translation>
    </message>
    <message>
        <source>line {0}, column {1}</source>
        <translation>第 {0} 行，第 {1} 列</translation>
    </message>
    <message numerus="yes">
        <source>%n problem(s)</source>
        <translation>
            <numerusform>%n 个问题</numerusform>
        </translation>
    </message>
    <message>
        <source>No problems</source>
        <translation>没有问题</translation>
    </message>
    <message>
        <source>{0} is ready.</source>
        <translation>{0} 已就绪。</translation>
    </message>
</context>
<context>
    <name>CreateViewModel</name>
    <message>
        <source>There is no file {0}</source>
        <translation>文件 {0} 不存在</translation>
    </message>
</context>
<context>
    <name>DetailsView</name>
    <message>
        <source>Close details</source>
        <translation>关闭详情</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>卸载</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>加载</translation>
    </message>
    <message>
        <source>Open as Modelfile</source>
        <translation>以 Modelfile 打开</translation>
    </message>
    <message>
        <source>Copy model…</source>
        <translation>复制模型…</translation>
    </message>
    <message>
        <source>Rename…</source>
        <translation>重命名…</translation>
    </message>
    <message>
        <source>Delete model</source>
        <translation>删除模型</translation>
    </message>
    <message>
        <source>Architecture</source>
        <translation>架构</translation>
    </message>
    <message>
        <source>Parameters</source>
        <translation>参数</translation>
    </message>
    <message>
        <source>Quantisation</source>
        <translation>量化</translation>
    </message>
    <message>
        <source>Context length</source>
        <translation>上下文长度</translation>
    </message>
    <message>
        <source>Embedding length</source>
        <translation>嵌入维度</translation>
    </message>
    <message>
        <source>Can do</source>
        <translation>能力</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>{0} % on GPU</source>
        <translation>{0}% 在 GPU 上</translation>
    </message>
    <message>
        <source>Texts of the model</source>
        <translation>模型的文本</translation>
    </message>
    <message>
        <source>Modelfile</source>
        <translation>Modelfile</translation>
    </message>
    <message>
        <source>Template</source>
        <translation>模板</translation>
    </message>
    <message>
        <source>System</source>
        <translation>系统提示</translation>
    </message>
    <message>
        <source>License</source>
        <translation>许可证</translation>
    </message>
    <message>
        <source>Copy {0}</source>
        <translation>复制{0}</translation>
    </message>
</context>
<context>
    <name>DropOverlay</name>
    <message>
        <source>Drop a GGUF file or Modelfile to create a model, other files to ask about them</source>
        <translation>拖放 GGUF 文件或 Modelfile 以创建模型，拖放其他文件以就其提问</translation>
    </message>
</context>
<context>
    <name>Editor</name>
    <message>
        <source>Completions</source>
        <translation>补全</translation>
    </message>
</context>
<context>
    <name>EntryLine</name>
    <message>
        <source>The server answers at {0}</source>
        <translation>服务器已在 {0} 响应</translation>
    </message>
    <message>
        <source>The server at {0} does not answer any more</source>
        <translation>{0} 的服务器不再响应</translation>
    </message>
    <message>
        <source>{0} was loaded</source>
        <translation>{0} 已加载</translation>
    </message>
    <message>
        <source>{0} was unloaded</source>
        <translation>{0} 已卸载</translation>
    </message>
    <message>
        <source>{0} was installed</source>
        <translation>{0} 已安装</translation>
    </message>
    <message>
        <source>{0} was removed</source>
        <translation>{0} 已删除</translation>
    </message>
    <message>
        <source>{0} was turned away</source>
        <translation>{0} 被拒绝</translation>
    </message>
</context>
<context>
    <name>GeneralView</name>
    <message>
        <source>As the system</source>
        <translation>跟随系统</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>浅色</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>深色</translation>
    </message>
    <message>
        <source>Ask</source>
        <translation>询问</translation>
    </message>
    <message>
        <source>Keep running in the background</source>
        <translation>在后台继续运行</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>退出</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>语言</translation>
    </message>
    <message>
        <source>Theme</source>
        <translation>主题</translation>
    </message>
    <message>
        <source>Text size</source>
        <translation>文字大小</translation>
    </message>
    <message>
        <source>Closing the window</source>
        <translation>关闭窗口时</translation>
    </message>
    <message>
        <source>Enter sends the message</source>
        <translation>按 Enter 发送消息</translation>
    </message>
    <message>
        <source>Start at login</source>
        <translation>登录时启动</translation>
    </message>
    <message>
        <source>General</source>
        <translation>常规</translation>
    </message>
</context>
<context>
    <name>LeftoversView</name>
    <message>
        <source>Unfinished download of an unknown model</source>
        <translation>未知模型的未完成下载</translation>
    </message>
    <message>
        <source>{0} of {1} have arrived</source>
        <translation>已下载 {0}，共 {1}</translation>
    </message>
    <message>
        <source>Resume the download of {0}</source>
        <translation>继续下载 {0}</translation>
    </message>
    <message>
        <source>Delete what has arrived of {0}</source>
        <translation>删除 {0} 已下载的部分</translation>
    </message>
    <message numerus="yes">
        <source>%n unused file(s)</source>
        <translation>
            <numerusform>%n 个未使用的文件</numerusform>
        </translation>
    </message>
    <message>
        <source>{0} that no model needs</source>
        <translation>{0}，没有模型需要</translation>
    </message>
    <message>
        <source>Delete…</source>
        <translation>删除…</translation>
    </message>
    <message>
        <source>Delete the unfinished download?</source>
        <translation>删除未完成的下载？</translation>
    </message>
    <message>
        <source>{0} have arrived and would have to be downloaded again.</source>
        <translation>已下载 {0}，删除后需要重新下载。</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>删除</translation>
    </message>
    <message>
        <source>Delete all files that no model needs?</source>
        <translation>删除所有没有模型需要的文件？</translation>
    </message>
    <message>
        <source>This frees {0}. Installed models stay as they are.</source>
        <translation>将释放 {0}。已安装的模型不受影响。</translation>
    </message>
</context>
<context>
    <name>LibraryView</name>
    <message>
        <source>Model name, “ollama run …”, or an address of ollama.com or huggingface.co</source>
        <translation>模型名称、“ollama run …”，或 ollama.com、huggingface.co 的网址</translation>
    </message>
    <message>
        <source>Model to pull</source>
        <translation>要拉取的模型</translation>
    </message>
    <message>
        <source>Pull</source>
        <translation>拉取</translation>
    </message>
    <message>
        <source>Suggestions</source>
        <translation>推荐模型</translation>
    </message>
    <message>
        <source>Installed models</source>
        <translation>已安装的模型</translation>
    </message>
    <message>
        <source>No models yet</source>
        <translation>还没有模型</translation>
    </message>
    <message>
        <source>Pull a model by its name above, or drop a GGUF file on this window.</source>
        <translation>在上方输入名称拉取模型，或将 GGUF 文件拖到此窗口。</translation>
    </message>
    <message>
        <source>See suggestions</source>
        <translation>查看推荐模型</translation>
    </message>
    <message>
        <source>Choose a GGUF file…</source>
        <translation>选择 GGUF 文件…</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>This does not name a model.</source>
        <translation>这不是模型名称。</translation>
    </message>
    <message numerus="yes">
        <source>%n installed</source>
        <translation>
            <numerusform>已安装 %n 个</numerusform>
        </translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Copy model…</source>
        <translation>复制模型…</translation>
    </message>
    <message>
        <source>Rename…</source>
        <translation>重命名…</translation>
    </message>
    <message>
        <source>Delete model</source>
        <translation>删除模型</translation>
    </message>
    <message>
        <source>Copy model</source>
        <translation>复制模型</translation>
    </message>
    <message>
        <source>Name of the copy</source>
        <translation>副本名称</translation>
    </message>
    <message>
        <source>Rename model</source>
        <translation>重命名模型</translation>
    </message>
    <message>
        <source>New name</source>
        <translation>新名称</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>The last answer was copied.</source>
        <translation>已复制最后一条回答。</translation>
    </message>
    <message>
        <source>{0} will be deleted</source>
        <translation>将删除 {0}</translation>
    </message>
    <message>
        <source>Chat “{0}” will be deleted</source>
        <translation>将删除对话“{0}”</translation>
    </message>
    <message>
        <source>{0} is ready.</source>
        <translation>{0} 已就绪。</translation>
    </message>
</context>
<context>
    <name>MarkdownView</name>
    <message>
        <source>Answer</source>
        <translation>回答</translation>
    </message>
</context>
<context>
    <name>MessageView</name>
    <message>
        <source>Previous version</source>
        <translation>上一个版本</translation>
    </message>
    <message>
        <source>Next version</source>
        <translation>下一个版本</translation>
    </message>
</context>
<context>
    <name>MeterLine</name>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>Use of {0}</source>
        <translation>{0} 的使用量</translation>
    </message>
    <message>
        <source>{0} of {1} in use</source>
        <translation>已用 {0}，共 {1}</translation>
    </message>
</context>
<context>
    <name>ModelLine</name>
    <message>
        <source>Loading {0}</source>
        <translation>正在加载 {0}</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>卸载</translation>
    </message>
    <message>
        <source>Unload {0}</source>
        <translation>卸载 {0}</translation>
    </message>
    <message>
        <source>loading</source>
        <translation>正在加载</translation>
    </message>
    <message>
        <source>unloading</source>
        <translation>正在卸载</translation>
    </message>
    <message numerus="yes">
        <source>%n request(s) running</source>
        <translation>
            <numerusform>正在处理 %n 个请求</numerusform>
        </translation>
    </message>
    <message>
        <source>ready</source>
        <translation>就绪</translation>
    </message>
    <message>
        <source>{0} expected</source>
        <translation>预计 {0}</translation>
    </message>
    <message>
        <source>{0} taken, {1} expected</source>
        <translation>实占 {0}，预计 {1}</translation>
    </message>
    <message>
        <source>{0} of {1} layers on GPU</source>
        <translation>{1} 层中有 {0} 层在 GPU 上</translation>
    </message>
    <message>
        <source>context {0}</source>
        <translation>上下文 {0}</translation>
    </message>
    <message numerus="yes">
        <source>%n answer(s) at a time</source>
        <translation>
            <numerusform>可同时处理 %n 个回答</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n thread(s)</source>
        <translation>
            <numerusform>%n 个线程</numerusform>
        </translation>
    </message>
    <message>
        <source>cache {0}</source>
        <translation>缓存 {0}</translation>
    </message>
</context>
<context>
    <name>ModelPicker</name>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>选择模型</translation>
    </message>
    <message>
        <source>No model installed</source>
        <translation>未安装模型</translation>
    </message>
    <message>
        <source>Get more models…</source>
        <translation>获取更多模型…</translation>
    </message>
    <message>
        <source>tiny, only for trying</source>
        <translation>超小，仅供试用</translation>
    </message>
    <message>
        <source>loaded</source>
        <translation>已加载</translation>
    </message>
</context>
<context>
    <name>ModelTable</name>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>大小</translation>
    </message>
    <message>
        <source>Parameters</source>
        <translation>参数</translation>
    </message>
    <message>
        <source>Quantisation</source>
        <translation>量化</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>上下文</translation>
    </message>
    <message>
        <source>State</source>
        <translation>状态</translation>
    </message>
    <message>
        <source>Modified</source>
        <translation>修改时间</translation>
    </message>
    <message>
        <source>loading {0} %</source>
        <translation>加载中 {0}%</translation>
    </message>
    <message>
        <source>loaded</source>
        <translation>已加载</translation>
    </message>
</context>
<context>
    <name>Navigation</name>
    <message>
        <source>Menu</source>
        <translation>菜单</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Create</source>
        <translation>创建</translation>
    </message>
    <message>
        <source>API</source>
        <translation>API</translation>
    </message>
    <message>
        <source>Activity</source>
        <translation>活动</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
</context>
<context>
    <name>OffersView</name>
    <message>
        <source>Well-known models of Ollama’s library, with about their sizes and what this computer would make of them. The internet is asked only when you pull one.</source>
        <translation>Ollama 模型库中的知名模型，附有大致的大小以及这台电脑能否运行。只有在您拉取时才会访问网络。</translation>
    </message>
    <message>
        <source>licence {0}</source>
        <translation>许可证 {0}</translation>
    </message>
    <message>
        <source>installed</source>
        <translation>已安装</translation>
    </message>
    <message>
        <source>downloading</source>
        <translation>正在下载</translation>
    </message>
    <message>
        <source>Pull</source>
        <translation>拉取</translation>
    </message>
    <message>
        <source>Pull {0}</source>
        <translation>拉取 {0}</translation>
    </message>
</context>
<context>
    <name>OriginBanner</name>
    <message numerus="yes">
        <source>%n more wait(s)</source>
        <translation>
            <numerusform>还有 %n 个等待</numerusform>
        </translation>
    </message>
    <message>
        <source>Decide later</source>
        <translation>稍后决定</translation>
    </message>
</context>
<context>
    <name>OriginsCard</name>
    <message>
        <source>Refused web pages</source>
        <translation>被拒绝的网页</translation>
    </message>
    <message>
        <source>Web pages and browser extensions need your leave before they may use the models. Those that tried and were turned away are listed here. The settings page has what you decided.</source>
        <translation>网页和浏览器扩展须经您许可才能使用模型。尝试过但被拒绝的列在这里。您的决定可在“设置”中查看。</translation>
    </message>
    <message>
        <source>None so far.</source>
        <translation>目前没有。</translation>
    </message>
    <message>
        <source>Take {0} off the list</source>
        <translation>将 {0} 从列表中移除</translation>
    </message>
</context>
<context>
    <name>PullRow</name>
    <message>
        <source>Download of {0}</source>
        <translation>{0} 的下载</translation>
    </message>
    <message>
        <source>Cancel download</source>
        <translation>取消下载</translation>
    </message>
    <message>
        <source>Pull anyway</source>
        <translation>仍然拉取</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Asking for its size…</source>
        <translation>正在查询大小…</translation>
    </message>
    <message>
        <source>Paused – what has arrived is kept</source>
        <translation>已暂停 – 已下载的部分会保留</translation>
    </message>
    <message>
        <source>Paused – {0} of {1} have arrived and are kept</source>
        <translation>已暂停 – 已接收 {0} / {1}，会保留</translation>
    </message>
    <message>
        <source>Connecting…</source>
        <translation>正在连接…</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} / {1}</translation>
    </message>
    <message>
        <source>{0} left</source>
        <translation>剩余 {0}</translation>
    </message>
</context>
<context>
    <name>QuestionView</name>
    <message>
        <source>Your message</source>
        <translation>您的消息</translation>
    </message>
    <message>
        <source>Show all</source>
        <translation>显示全部</translation>
    </message>
    <message>
        <source>Copy message</source>
        <translation>复制消息</translation>
    </message>
    <message>
        <source>Edit message</source>
        <translation>编辑消息</translation>
    </message>
</context>
<context>
    <name>SettingRow</name>
    <message>
        <source>command line</source>
        <translation>命令行</translation>
    </message>
    <message>
        <source>changed</source>
        <translation>已更改</translation>
    </message>
    <message>
        <source>default</source>
        <translation>默认</translation>
    </message>
    <message>
        <source>Set by {0}; it can only be changed there.</source>
        <translation>由 {0} 设置，只能在那里更改。</translation>
    </message>
    <message>
        <source>needs restart</source>
        <translation>需重启</translation>
    </message>
    <message>
        <source>next load</source>
        <translation>下次加载时生效</translation>
    </message>
    <message>
        <source>Choose a folder</source>
        <translation>选择文件夹</translation>
    </message>
    <message>
        <source>Reset {0} to its default</source>
        <translation>将“{0}”恢复为默认值</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>自动</translation>
    </message>
    <message>
        <source>On</source>
        <translation>开</translation>
    </message>
    <message>
        <source>Off</source>
        <translation>关</translation>
    </message>
</context>
<context>
    <name>SettingsView</name>
    <message>
        <source>Search settings</source>
        <translation>搜索设置</translation>
    </message>
    <message>
        <source>No setting matches.</source>
        <translation>没有匹配的设置。</translation>
    </message>
    <message>
        <source>Apply</source>
        <translation>应用</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>Discard</source>
        <translation>放弃</translation>
    </message>
    <message>
        <source>The settings of Puna&apos;s server appear here while it runs.</source>
        <translation>Puna 的服务器运行时，其设置会显示在这里。</translation>
    </message>
    <message>
        <source>Server</source>
        <translation>服务器</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Performance</source>
        <translation>性能</translation>
    </message>
    <message>
        <source>Advanced</source>
        <translation>高级</translation>
    </message>
    <message numerus="yes">
        <source>%n change(s)</source>
        <translation>
            <numerusform>%n 项更改</numerusform>
        </translation>
    </message>
    <message>
        <source>Apply and restart server</source>
        <translation>应用并重启服务器</translation>
    </message>
    <message>
        <source>Saved; the server restarts.</source>
        <translation>已保存，服务器正在重启。</translation>
    </message>
    <message>
        <source>Saved.</source>
        <translation>已保存。</translation>
    </message>
</context>
<context>
    <name>Sidebar</name>
    <message>
        <source>Search chats</source>
        <translation>搜索对话</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Chats</source>
        <translation>对话列表</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>重命名</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>导出…</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>删除</translation>
    </message>
</context>
<context>
    <name>StatusStrip</name>
    <message>
        <source>Start server</source>
        <translation>启动服务器</translation>
    </message>
</context>
<context>
    <name>SystemPanel</name>
    <message>
        <source>System prompt of this chat</source>
        <translation>此对话的系统提示</translation>
    </message>
    <message>
        <source>How the model should behave in this chat. Empty: what the model brings itself.</source>
        <translation>模型在此对话中应如何表现。留空则使用模型自带的设定。</translation>
    </message>
    <message>
        <source>default</source>
        <translation>默认</translation>
    </message>
</context>
<context>
    <name>ThinkingView</name>
    <message>
        <source>Thinking…</source>
        <translation>正在思考…</translation>
    </message>
    <message>
        <source>Thoughts</source>
        <translation>思考过程</translation>
    </message>
    <message>
        <source>Thought for {0}</source>
        <translation>思考了 {0}</translation>
    </message>
</context>
<context>
    <name>Toast</name>
    <message>
        <source>Undo</source>
        <translation>撤销</translation>
    </message>
</context>
<context>
    <name>Transcript</name>
    <message>
        <source>Conversation</source>
        <translation>对话内容</translation>
    </message>
    <message>
        <source>Show earlier messages</source>
        <translation>显示更早的消息</translation>
    </message>
    <message>
        <source>Jump to latest</source>
        <translation>跳到最新</translation>
    </message>
</context>
<context>
    <name>TransferLine</name>
    <message>
        <source>Transfer of {0}</source>
        <translation>{0} 的传输</translation>
    </message>
    <message>
        <source>upload</source>
        <translation>上传</translation>
    </message>
    <message>
        <source>download</source>
        <translation>下载</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} / {1}</translation>
    </message>
</context>
<context>
    <name>Tray</name>
    <message>
        <source>{0} asks to use your models. Open Puna to decide.</source>
        <translation>{0} 请求使用您的模型。请打开 Puna 决定。</translation>
    </message>
    <message>
        <source>Open Puna</source>
        <translation>打开 Puna</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Settings…</source>
        <translation>设置…</translation>
    </message>
    <message>
        <source>Loaded models</source>
        <translation>已加载的模型</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>卸载</translation>
    </message>
    <message>
        <source>Unload all</source>
        <translation>全部卸载</translation>
    </message>
    <message>
        <source>Downloads</source>
        <translation>下载</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>{0} % GPU</source>
        <translation>{0}% GPU</translation>
    </message>
    <message>
        <source>Start server</source>
        <translation>启动服务器</translation>
    </message>
    <message>
        <source>Stop server</source>
        <translation>停止服务器</translation>
    </message>
    <message>
        <source>Restart server</source>
        <translation>重启服务器</translation>
    </message>
    <message>
        <source>Copy API address</source>
        <translation>复制 API 地址</translation>
    </message>
    <message numerus="yes">
        <source>Quit – stops an answer and %n download(s)</source>
        <translation>
            <numerusform>退出 – 将停止一个回答和 %n 个下载</numerusform>
        </translation>
    </message>
    <message>
        <source>Quit – stops an answer</source>
        <translation>退出 – 将停止一个回答</translation>
    </message>
    <message numerus="yes">
        <source>Quit – stops %n download(s)</source>
        <translation>
            <numerusform>退出 – 将停止 %n 个下载</numerusform>
        </translation>
    </message>
    <message>
        <source>Quit Puna</source>
        <translation>退出 Puna</translation>
    </message>
</context>
<context>
    <name>Welcome</name>
    <message>
        <source>The server is not running</source>
        <translation>服务器未运行</translation>
    </message>
    <message>
        <source>Models answer while it runs.</source>
        <translation>运行后模型才能回答。</translation>
    </message>
    <message>
        <source>Start server</source>
        <translation>启动服务器</translation>
    </message>
    <message>
        <source>What would you like to talk about?</source>
        <translation>想聊点什么？</translation>
    </message>
    <message>
        <source>Everything stays on this computer.</source>
        <translation>一切都留在这台电脑上。</translation>
    </message>
    <message>
        <source>Puna</source>
        <translation>Puna</translation>
    </message>
    <message>
        <source>Waiting for the server…</source>
        <translation>正在等待服务器…</translation>
    </message>
    <message>
        <source>Welcome to Puna</source>
        <translation>欢迎使用 Puna</translation>
    </message>
    <message>
        <source>To begin, get a model: pull one by name, or drop a GGUF file here.</source>
        <translation>要开始使用，请先获取模型：按名称拉取，或将 GGUF 文件拖到这里。</translation>
    </message>
    <message>
        <source>Get a model</source>
        <translation>获取模型</translation>
    </message>
    <message>
        <source>Explain how rainbows form, in three sentences.</source>
        <translation>用三句话解释彩虹是怎样形成的。</translation>
    </message>
    <message>
        <source>Write a short, friendly reminder to water the plants.</source>
        <translation>写一条简短友好的浇花提醒。</translation>
    </message>
    <message>
        <source>Give me a Python function that counts words in a text.</source>
        <translation>给我一个统计文本词数的 Python 函数。</translation>
    </message>
</context>
</TS>
