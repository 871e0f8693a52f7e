* HiGHS 1.16.0 with presolve off and an integer tolerance of 1e-9 calls 1.06983 optimal; SCIP and others find 1.0670161516.
* Source: the program of tests/optimizer/random_cases.py, ('failures', 41), as of 2026-11.
NAME        
ROWS
 N  Obj     
 E  r0
 E  r1
 E  r2
 L  r3
 L  r4
 E  r5
 E  r6
 L  r7
 L  r8
 L  r9
 L  r10
 L  r11
 L  r12
 L  r13
 L  r14
 L  r15
 L  r16
 L  r17
 L  r18
 L  r19
 L  r20
 E  r21
 E  r22
 E  r23
 E  r24
 G  r25
 L  r26
 L  r27
 L  r28
 L  r29
 L  r30
 G  r31
 L  r32
 L  r33
 L  r34
 L  r35
 L  r36
 L  r37
 L  r38
 E  r39
 E  r40
 E  r41
 E  r42
 E  r43
 E  r44
COLUMNS
    MARK0000  'MARKER'                 'INTORG'
    c0  r19  -2
    c0  r37  2
    c0  r39  0.53556413615359999
    c0  r40  2.0151280094399997
    c0  r41  0.62378207999999991
    c0  r42  0.65090303999999999
    c0  r44  2
    c1  r20  -2
    c1  r38  2
    c1  r39  0.53274973989247998
    c1  r40  0.035372240870400001
    c1  r41  0.64547884799999999
    c1  r42  0.21696768000000002
    c1  r44  2
    c2  r5  1
    c2  r19  1
    c3  r6  1
    c3  r20  1
    MARK0001  'MARKER'                 'INTEND'
    c4  r0  1
    c4  r1  1
    c5  r0  1
    c5  r2  1
    c6  r1  -1
    c6  r3  0.0054522609642255505
    c6  r39  3.068987958653624e-05
    c6  r40  0.011114759641738263
    c6  r41  0.0034405694603740176
    c6  r42  0.0035901594369120182
    c7  r2  -1
    c7  r4  0.0054522609642255505
    c7  r39  1.5166628541234822e-05
    c7  r40  0.00019510123099992209
    c7  r41  0.0035602414416044184
    c7  r42  0.0011967198123040061
    c8  r3  -0.92500000000000004
    c8  r5  -1
    c8  r9  1
    c8  r21  169.65438853152708
    c9  r3  -0.94999999999999996
    c9  r5  -1
    c9  r10  1
    c9  r11  -1
    c9  r21  174.23964227562237
    c10  r3  -0.94999999999999996
    c10  r5  -1
    c10  r12  1
    c10  r13  -1
    c10  r21  174.23964227562237
    c11  r4  -0.92500000000000004
    c11  r6  -1
    c11  r14  1
    c11  r23  169.65438853152708
    c12  r4  -0.94999999999999996
    c12  r6  -1
    c12  r15  1
    c12  r16  -1
    c12  r23  174.23964227562237
    c13  r4  -0.94999999999999996
    c13  r6  -1
    c13  r17  1
    c13  r18  -1
    c13  r23  174.23964227562237
    MARK0002  'MARKER'                 'INTORG'
    c14  r7  1
    c14  r9  -1
    c14  r28  366.8202995276261
    c15  r7  1
    c15  r10  -2
    c15  r11  2
    c15  r28  366.8202995276261
    c16  r7  1
    c16  r12  -3
    c16  r13  3
    c16  r28  366.8202995276261
    c17  r8  1
    c17  r14  -1
    c17  r34  366.8202995276261
    c18  r8  1
    c18  r15  -2
    c18  r16  2
    c18  r34  366.8202995276261
    c19  r8  1
    c19  r17  -3
    c19  r18  3
    c19  r34  366.8202995276261
    MARK0003  'MARKER'                 'INTEND'
    c20  Obj       1
    c20  r39  -1
    c21  Obj       9.9999999999999995e-08
    c21  r40  -1
    c22  r41  -1
    c23  r42  -1
    c24  r43  -1
    c25  r44  -1
    c26  r0  100
    c26  r25  80
    c26  r26  100
    c26  r31  80
    c26  r32  100
    c27  r21  -1
    c27  r22  1
    c27  r28  -1
    c27  r29  1
    c28  r22  -1
    c28  r29  -1
    c28  r35  -1
    c29  r23  -1
    c29  r24  1
    c29  r34  -1
    c29  r36  1
    c30  r24  -1
    c30  r30  -1
    c30  r36  -1
    c31  r25  80
    c31  r31  80
    c32  r25  1
    c32  r26  1
    c32  r29  1
    c33  r25  1
    c33  r26  1
    c33  r30  1
    MARK0004  'MARKER'                 'INTORG'
    c34  r27  100
    c34  r28  -366.8202995276261
    MARK0005  'MARKER'                 'INTEND'
    c35  r27  1
    c35  r28  1
    c35  r29  -1
    c36  r31  1
    c36  r32  1
    c36  r35  1
    c37  r31  1
    c37  r32  1
    c37  r36  1
    MARK0006  'MARKER'                 'INTORG'
    c38  r33  100
    c38  r34  -366.8202995276261
    MARK0007  'MARKER'                 'INTEND'
    c39  r33  1
    c39  r34  1
    c39  r36  -1
    c40  r37  -16
    c41  r38  -8
RHS
    RHS_V     r0  100
    RHS_V     r7  1
    RHS_V     r8  1
    RHS_V     r25  80
    RHS_V     r26  100
    RHS_V     r27  100
    RHS_V     r31  80
    RHS_V     r32  100
    RHS_V     r33  100
    RHS_V     r37  16
    RHS_V     r38  8
BOUNDS
 UI BOUND     c0  2
 UI BOUND     c1  2
 UI BOUND     c2  3
 UI BOUND     c3  3
 BV BOUND     c14
 BV BOUND     c15
 BV BOUND     c16
 BV BOUND     c17
 BV BOUND     c18
 BV BOUND     c19
 FR BOUND     c20
 FR BOUND     c21
 FR BOUND     c22
 FR BOUND     c23
 FR BOUND     c24
 FR BOUND     c25
 FX BOUND     c26  0
 FX BOUND     c31  0
 BV BOUND     c34
 BV BOUND     c38
 FX BOUND     c40  0
 FX BOUND     c41  0
ENDATA
