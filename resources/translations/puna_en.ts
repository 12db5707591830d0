<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en">
<context>
    <name>ActivityView</name>
    <message numerus="yes">
        <source>%n core(s)</source>
        <translation>
            <numerusform>%n core</numerusform>
            <numerusform>%n cores</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>AnswerView</name>
    <message numerus="yes">
        <source>The context is full: for this answer the model did not see the first %n message(s).</source>
        <translation>
            <numerusform>The context is full: for this answer the model did not see the first message.</numerusform>
            <numerusform>The context is full: for this answer the model did not see the first %n messages.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>CreateView</name>
    <message numerus="yes">
        <source>%n problem(s)</source>
        <translation>
            <numerusform>%n problem</numerusform>
            <numerusform>%n problems</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>LeftoversView</name>
    <message numerus="yes">
        <source>%n unused file(s)</source>
        <translation>
            <numerusform>%n unused file</numerusform>
            <numerusform>%n unused files</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>LibraryView</name>
    <message numerus="yes">
        <source>%n installed</source>
        <translation>
            <numerusform>%n installed</numerusform>
            <numerusform>%n installed</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ModelLine</name>
    <message numerus="yes">
        <source>%n request(s) running</source>
        <translation>
            <numerusform>%n request running</numerusform>
            <numerusform>%n requests running</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n answer(s) at a time</source>
        <translation>
            <numerusform>%n answer at a time</numerusform>
            <numerusform>%n answers at a time</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n thread(s)</source>
        <translation>
            <numerusform>%n thread</numerusform>
            <numerusform>%n threads</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>OriginBanner</name>
    <message numerus="yes">
        <source>%n more wait(s)</source>
        <translation>
            <numerusform>%n more waits</numerusform>
            <numerusform>%n more wait</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>SettingsView</name>
    <message numerus="yes">
        <source>%n change(s)</source>
        <translation>
            <numerusform>%n change</numerusform>
            <numerusform>%n changes</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Tray</name>
    <message numerus="yes">
        <source>Quit – stops an answer and %n download(s)</source>
        <translation>
            <numerusform>Quit – stops an answer and %n download</numerusform>
            <numerusform>Quit – stops an answer and %n downloads</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Quit – stops %n download(s)</source>
        <translation>
            <numerusform>Quit – stops %n download</numerusform>
            <numerusform>Quit – stops %n downloads</numerusform>
        </translation>
    </message>
</context>
</TS>
